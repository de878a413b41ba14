#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/cluster/node_index.hpp"
#include "gpusched/engine/decision.hpp"
#include "gpusched/engine/explanation.hpp"
#include "gpusched/engine/resource_choice.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/reshape/actuation.hpp"

namespace gpusched {

/// When the engine may move pods that run. docs/reshape-on-block.md
struct ReshapeOptions {
  bool one_move_on_block = false;        ///< one part of a GPU that fits nowhere may have one pod moved
  TimeNs cooldown_ns = 1800 * ns_per_s;  ///< a pod that was moved stays at least so long
  std::size_t most_moves_in_flight = 0;  ///< at a time; 0 = no limit
  Actuation actuation = Actuation::per_instance;

  friend bool operator==(const ReshapeOptions&, const ReshapeOptions&) = default;
};

/// What an engine is made from.
struct EngineOptions {
  PolicyChoice policy;
  std::uint64_t seed = 0;
  DemandMix target;  ///< what is expected to arrive; empty when nothing is known
  bool preemption = true;
  ReshapeOptions reshape{};
};

/// Whether a node takes the request, and at what cost.
struct NodeVerdict {
  NodeId node;
  RejectReason reason = RejectReason::none;  ///< none: it does
  std::int64_t cost = 0;                     ///< on the policy's scale; units left where the kubelet counts
};

/// The nodes offered, judged one by one.
struct Evaluation {
  std::vector<NodeVerdict> ranked;   ///< that take the request, the best first
  std::vector<NodeVerdict> refused;  ///< in the order in which they were offered
};

/// The order of steps for one request: observe, decide, commit. A pure function of the events observed and the options:
/// decide() changes nothing that a caller can see (it keeps caches).
class Engine {
 public:
  static Result<Engine> create(EngineOptions options);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  /// Folds one event into the cluster state.
  Status observe(const Event& event);
  RequestClassId intern(const GpuRequest& request) { return state_.intern(request); }
  const ClusterState& state() const { return state_; }

  /// The best decision for one request. `scope` limits it to the nodes the caller offers; nullopt = all.
  Decision decide(RequestClassId request, TimeNs now, std::optional<std::span<const NodeId>> scope = std::nullopt);
  /// Every node of `scope`, for requests that ask for whole devices or name a resource that the kubelet counts (a node
  /// that counts nothing refuses the rest). ranked[0] is the node that decide() picks. Nodes with whole devices come
  /// before those that share them. docs/decisions/0012-counted-resources.md
  Evaluation evaluate(RequestClassId request, std::span<const NodeId> scope);
  /// The resource to name for a request that states what it needs and no resource (a mode, isolation, memory, slowdown,
  /// profile, or a fraction), from what the nodes count. Hard rules first; an explicit mode wins over predictions. Of
  /// the rest those with free units first, then the least share of a GPU (of batch jobs times the predicted slowdown).
  /// Pure. docs/admission.md
  ResourceChoice choose_resource(const GpuRequest& intent) const;
  /// Those of `scope` whose units of the resource that `named` names keep the rules of choose_resource() for `intent`:
  /// one name means different things on different nodes. Nodes without the resource stay in.
  std::vector<NodeId> nodes_that_keep(const GpuRequest& named, const GpuRequest& intent,
                                      std::span<const NodeId> scope) const;
  /// Why decide() answers as it does, and which edits of the request would change the answer. As it decides some
  /// hundred edited requests it numbers those; nothing else changes.
  Explanation explain(RequestClassId request, TimeNs now);
  /// True: decide() would refuse this request as it did when it was last asked, because no GPU that changed since takes
  /// it. False says nothing; moves are not looked at. Only for jobs that state intent under a policy that chooses
  /// modes; cheap.
  bool still_refused(RequestClassId request);
  /// Whether a running pod may be moved now: it holds one instance alone, is neither of class dev nor burst, is not
  /// being moved, and its cool-down is over. An instance that a choice of mode made may move where neither a layout nor
  /// pools say where it lies. Whom a blocked request may have moved: docs/reshape-on-block.md
  bool may_move(PodId pod, TimeNs now) const;
  /// Whether the pod may be moved and its new place takes it now. The error names what stands against it.
  Status check_move(const PodMove& move, TimeNs now);
  /// Whether the GPUs of one model that take instances have, together, as many free placement units as the request
  /// needs, a whole GPU where it names no profile: a refusal is then one that moves may cure.
  bool free_units_suffice(RequestClassId request);
  /// All or nothing for pods that are submitted and pending: every decision is a Bind, or there is one, which says why
  /// the first pod that found no place has none. Commit them in this order.
  std::vector<Decision> decide_gang(std::span<const PodId> pods, TimeNs now);

  /// Applies the decision (Reserved, evictions) and appends the actions that carry it out. An error, state unchanged,
  /// when the place has been taken since, or when the decision gives no place.
  Status commit(PodId pod, const Decision& decision, TimeNs now, std::vector<Action>& actions);

 private:
  struct Caches;
  struct CountedJudge;
  friend class OneMove;

  explicit Engine(EngineOptions options, std::unique_ptr<PlacementPolicy> policy);

  Decision decide_without_eviction(RequestClassId request, std::optional<std::span<const NodeId>> scope);
  Decision decide_by_count(RequestClassId request, std::optional<std::span<const NodeId>> scope);
  Decision decide_on_nodes(RequestClassId request, std::optional<std::span<const NodeId>> scope);
  Decision decide_mig(RequestClassId request, std::optional<std::span<const NodeId>> scope);
  Decision decide_mode(RequestClassId request, std::optional<std::span<const NodeId>> scope);
  Decision refuse_mode(RequestClassId request, const RejectCounts& reasons) const;
  bool chooses_mode(RequestClassId request) const;
  bool is_over_share(RequestClassId request) const;
  bool may_evict_on(NodeId node, RequestClassId request) const;
  void forget_refusal(RequestClassId request);
  std::vector<ModeOption> explain_modes(RequestClassId request);
  Decision decide_several_instances(RequestClassId request, const std::vector<char>* in_scope);
  RejectCounts mig_reasons(RequestClassId request, const std::vector<char>* in_scope);
  Decision refuse(RequestClassId request, const RejectCounts& reasons) const;
  std::optional<ReshapeThenBind> find_move(RequestClassId request, TimeNs now,
                                           std::optional<std::span<const NodeId>> scope);
  /// Placement units that the request needs on GPUs of the model; 0: it needs none, or the model cannot serve it.
  int units_wanted(RequestClassId request, std::uint16_t model);
  /// Moves the pod of the decision, where what it promises to `pod` will then be free.
  Status apply_move(PodId pod, const ReshapeThenBind& decision, TimeNs now);
  std::optional<PreemptThenBind> find_preemption(RequestClassId request, std::optional<std::span<const NodeId>> scope);

  EngineOptions options_;
  ClusterState state_;
  std::unique_ptr<PlacementPolicy> policy_;
  std::unique_ptr<Caches> caches_;
};

}  // namespace gpusched
