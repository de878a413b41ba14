#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/allocation.hpp"
#include "gpusched/filter/reject_reason.hpp"
#include "gpusched/policy/mode_rules.hpp"

namespace gpusched {

/// The second best answer and how much worse it was. Policies that refine bounds stop looking once nothing can win:
/// there it is the second best of those looked at.
struct RunnerUp {
  NodeId node;            ///< invalid: there was no other class of nodes
  std::int64_t cost = 0;  ///< on the policy's scale, as Bind::cost
};

/// How a job that stated intent gets its GPU, and what else it could have had.
struct ModeVerdict {
  ModeKind mode = ModeKind::whole;
  std::int64_t slowdown_milli = 1000;  ///< predicted, of the job itself against alone on a whole GPU
  TimeNs setup_ns = 0;                 ///< until the partition can be used
  std::optional<ModeKind> runner_up;   ///< the mode that came second; its node and cost: Bind::runner_up

  friend bool operator==(const ModeVerdict&, const ModeVerdict&) = default;
};

/// Place the pod now.
struct Bind {
  Candidate candidate;
  std::int64_t cost = 0;  ///< on the policy's scale; smaller is better
  RunnerUp runner_up;
  std::optional<ModeVerdict> mode;  ///< of a job that stated intent, under a policy that chooses modes
};

/// Evict the victims, then place the pod.
struct PreemptThenBind {
  std::vector<PodId> victims;  ///< on the node of the candidate, lowest priority first
  Candidate candidate;
};

/// Move one pod elsewhere, then place the pod where it stood. Nobody loses a place: a move is an exchange.
struct ReshapeThenBind {
  PodMove move;
  Candidate candidate;
  std::int64_t cost = 0;              ///< on the policy's scale, of the whole: both GPUs afterwards against before
  std::optional<ModeVerdict> mode{};  ///< as Bind::mode; without a runner-up
};

/// Fits an empty node, but nowhere now.
struct Wait {
  RejectCounts reasons{};  ///< nodes by reason; GPUs by reason for MIG requests
};

/// Fits no node of the cluster, even empty.
struct Infeasible {
  RejectCounts reasons{};
};

/// What to do with one pod.
using Decision = std::variant<Bind, PreemptThenBind, Wait, Infeasible, ReshapeThenBind>;

/// The place that the decision gives the pod, or nullptr where it gives none.
const Candidate* candidate_of(const Decision& decision);

/// How the mode was chosen, or nullptr where it was not.
const ModeVerdict* mode_of(const Decision& decision);

/// "bind", "preempt", "wait", "infeasible", "reshape".
const char* outcome_name(const Decision& decision);

/// A step the world has to carry out. Its effects come back as events.
struct BindPod {
  PodId pod;
  Candidate placement;
};
struct Evict {
  PodId pod;
};
struct MovePod {
  PodMove move;
};
using Action = std::variant<BindPod, Evict, MovePod>;

}  // namespace gpusched
