#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/engine/decision.hpp"
#include "gpusched/filter/reject_reason.hpp"
#include "gpusched/policy/mode_rules.hpp"

namespace gpusched {

/// What a decision comes to for the one who asked, whichever node it names.
struct Answer {
  std::string_view outcome;      ///< as outcome_name()
  std::optional<ModeKind> mode;  ///< of a place that the choice of mode gave
  std::string mig_profile;       ///< of an instance; empty otherwise

  friend bool operator==(const Answer&, const Answer&) = default;
};

/// "bind time_slice", "bind mig 2g.20gb", "wait".
std::string to_string(const Answer& answer);

/// What a candidate costs, in millionths of a GPU; the sum is its cost.
struct CostTerms {
  std::int64_t value_lost = 0;  ///< what the GPU can take no more
  std::int64_t slowdown = 0;    ///< batch: it holds its place longer
  std::int64_t setup = 0;       ///< until the partition can be used
  std::int64_t mps_bonus = 0;   ///< not above 0

  std::int64_t sum() const { return value_lost + slowdown + setup + mps_bonus; }
};

/// Why a mode is out of the question for a request before any GPU is looked at.
enum class ModeBar : std::uint8_t {
  none,
  other_mode_named,   ///< the request names another mode, which wins
  isolation,          ///< memory and fault isolation share no context
  memory_unknown,     ///< neither the request nor a profile says how much memory the job needs
  trust_domain_none,  ///< MPS needs a trust domain
  policy,             ///< the policy keeps this class of jobs off the mode
};
inline constexpr std::size_t mode_bar_count = 6;
/// Constant name ("memory_unknown").
std::string_view to_string(ModeBar bar);
/// Constant sentence for people.
std::string_view describe(ModeBar bar);

/// One mode as a candidate: its best place with what it costs, or why it has none.
struct ModeOption {
  ModeKind mode = ModeKind::whole;
  ModeBar bar = ModeBar::none;
  std::optional<Candidate> place;
  CostTerms terms;                     ///< of the place
  std::int64_t slowdown_milli = 1000;  ///< predicted, of the job itself
  TimeNs setup_ns = 0;                 ///< until the partition can be used
  RejectCounts refusals{};             ///< GPUs by reason, where there is neither bar nor place
};

/// An edit of the request that changes the answer. Verified: each answer is what decide() said to `request`.
struct RequestChange {
  std::string field;  ///< of GpuRequest, as the command line spells it: "max_slowdown", "isolation"
  std::string from, to;
  GpuRequest request;
  Answer answer;
  /// Of a number: one step (a thousandth, a MiB, a unit of priority) nearer to what was asked, with the old answer.
  std::optional<GpuRequest> one_step_less;
  std::int64_t size_milli = 0;  ///< how large an edit it is: relative for numbers, a fixed rank for words
};

/// Why a request is decided as it is, and what would change that.
struct Explanation {
  GpuRequest request;
  Decision decision;
  Answer answer;
  std::vector<ModeOption> modes;       ///< by ModeKind; empty where the policy chooses no mode for this request
  std::int64_t memory_needed_mib = 0;  ///< footprint and context, where modes are chosen; 0 = nobody said
  bool profile_known = false;          ///< false: the fallback of the class stands in
  std::vector<RequestChange> changes;  ///< a handful, the smallest first
};

}  // namespace gpusched
