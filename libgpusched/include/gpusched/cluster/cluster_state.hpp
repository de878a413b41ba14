#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpusched/base/huge_page_allocator.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/cluster/allocation.hpp"
#include "gpusched/cluster/class_demand.hpp"
#include "gpusched/cluster/event.hpp"
#include "gpusched/cluster/gpu_index.hpp"
#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/cluster/node_state.hpp"

namespace gpusched {

/// A node as the cluster state holds it. GPUs are in device order here.
/// A line of memory with what is one per node, two with its GPUs, two with its pods, and last what decisions never
/// read.
struct alignas(64) Node {
  std::uint32_t order = 0;  ///< place in the order that breaks ties, 0..
  NodeHealth health = NodeHealth::ready;
  bool removed = false;
  bool takes_mig = false;  ///< its GPUs can be cut: known placements, and the node's sharing allows it
  bool changed = false;    ///< ClusterState::take_changed_nodes() will list it
  std::array<std::uint16_t, 8> hosted_count{};  ///< pods that hold resources here, by request kind
  NodeState state;
  InlineVector<PodId, 31> pods;  ///< that hold resources here
  NodeSpec spec;
};

/// One GPU of the cluster.
struct GpuRef {
  NodeId node;
  std::uint16_t gpu = 0;
};

/// A tenant of a MIG instance whose tenants take turns.
struct TurnTaker {
  RequestClassId request;
  std::int32_t memory_mib = 0;  ///< taken from the instance
  std::int16_t start = 0;       ///< of the instance
  std::uint16_t profile = 0;    ///< MigProfileId of the instance

  friend bool operator==(const TurnTaker&, const TurnTaker&) = default;
};

/// What we believe about the world: the only mutable thing of the core, and apply() its only writer.
class ClusterState {
 public:
  /// Folds one event in: all or nothing, and a repeated or late event (older version, or a phase already passed)
  /// changes nothing. An error names what is unknown or does not fit; the state is then as before.
  Status apply(const Event& event);

  /// Gives equal requests one number. Not an event: it describes, it changes nothing.
  RequestClassId intern(const GpuRequest& request);
  const GpuRequest& request(RequestClassId id) const { return requests_[id.value]; }
  std::uint32_t request_class_count() const { return requests_.size(); }
  /// Pods submitted so far, by request class: what the learning policies know.
  std::span<const std::int64_t> arrivals() const { return arrivals_; }
  std::int64_t arrival_count() const { return arrival_count_; }
  /// What the classes of jobs that state intent asked for of late, and what they got.
  const ClassDemand& class_demand() const { return class_demand_; }

  std::span<const Node> nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[id.value]; }
  /// The node of that name, or an invalid id.
  NodeId find_node(std::string_view name) const;
  const InternTable<NodeShape>& shapes() const { return shapes_; }

  const PodRecord* pod(PodId id) const { return id.value < pods_.size() ? &pods_[id.value] : nullptr; }
  std::span<const PodRecord> pods() const { return pods_; }

  /// Whether the place is free for the request once `leaving` (pods that hold resources on that node) are gone, and
  /// once the pod of `moved` has moved.
  Status check_placement(const GpuRequest& request, const Candidate& placement, std::span<const PodId> leaving,
                         const PodMove* moved = nullptr) const;

  /// Where the pod is being moved to, or nullptr.
  const Candidate* moving_to(PodId pod) const;
  std::size_t moves_in_flight() const { return moving_to_.size(); }
  /// When a move of the pod last ended, well or not; nullopt where none did since it was placed.
  std::optional<TimeNs> last_moved_ns(PodId pod) const;

  /// Changes whenever nodes come, go or change order: caches by node order are void then.
  std::uint64_t topology_version() const { return topology_version_; }
  /// Node ids in tie-breaking order. Brings the orders and the GPU index up to date after nodes came or went.
  std::span<const NodeId> node_order();
  const GpuIndex& gpu_index();
  /// Node and device of a GPU ordinal of the index, and the ordinal of a node's first GPU.
  std::pair<NodeId, std::uint16_t> gpu_at(std::uint32_t ordinal) const;
  std::uint32_t first_gpu(NodeId id) const {
    return gpus_per_node_ > 0 ? id.value * gpus_per_node_ : first_gpu_[id.value];
  }

  /// Nodes whose state changed since the last call, each once, in order of first change.
  std::vector<NodeId> take_changed_nodes();
  /// The last pod bound (round robin's cursor): order of its node and ordinal of its first GPU; -1 before any.
  /// Contract: node_order() was called since nodes came or went.
  std::int64_t last_placed_node_order() const;
  std::int64_t last_placed_gpu() const;

  /// Whether some node counts its resources, which decisions then go by.
  bool counts_resources() const { return counts_resources_; }
  /// Units left of a resource of a node, an index into its spec's resources. Below 0 where the node offers less than
  /// its pods hold.
  std::int64_t resource_free(NodeId id, std::size_t resource) const {
    return nodes_[id.value].spec.resources[resource].allocatable - resource_used_[id.value][resource];
  }

  /// The profile of that name as last loaded, or nullptr.
  const JobProfile* profile(std::string_view name) const;
  /// Changes whenever a profile is loaded.
  std::uint64_t profiles_version() const { return profiles_version_; }
  /// The tenants of a device that a choice of mode opened, by request class; their order means nothing. None of a
  /// device that is cut.
  std::span<const RequestClassId> tenants(NodeId node, std::uint16_t gpu) const;
  /// Those of the time-sliced instances of a device that is cut; a pod in a move is one in both places. Their order
  /// means nothing.
  std::span<const TurnTaker> turn_takers(NodeId node, std::uint16_t gpu) const;

  /// From now on changes of single GPUs are noted, for take_changed_gpus().
  void follow_gpus() { follows_gpus_ = true; }
  /// Gives out, in place of what `changed` held, the GPUs that changed since the last call, or one of a node whose CPU
  /// or memory did; some may be named twice.
  void take_changed_gpus(std::vector<GpuRef>& changed);

  /// Pods that hold resources, by priority, ascending; priorities without any are absent.
  std::span<const std::pair<std::int32_t, std::int64_t>> held_by_priority() const { return held_by_priority_; }

  /// Sums over the nodes that are there, schedulable or not.
  std::int64_t total_gpus() const { return total_gpus_; }
  std::int64_t used_gpu_milli() const { return used_gpu_milli_; }
  std::int64_t used_mig_units() const { return used_mig_units_; }
  std::int64_t total_mig_units() const { return total_mig_units_; }
  /// GPUs of the nodes that take instances.
  std::int64_t mig_gpus() const { return mig_gpus_; }
  /// GPUs that hold a share, an instance or a whole request.
  std::int64_t active_gpus() const { return active_gpus_; }

 private:
  static constexpr std::uint32_t ordinals_per_entry = 8;

  Status on(TimeNs now, const NodeAdded& event);
  Status on(TimeNs now, const NodeChanged& event);
  Status on(TimeNs now, const NodeRemoved& event);
  Status on(TimeNs now, const HealthChanged& event);
  Status on(TimeNs now, const PodSubmitted& event);
  Status on(TimeNs now, const Reserved& event);
  Status on(TimeNs now, const ReservationReleased& event);
  Status on(TimeNs now, const PodBound& event);
  Status on(TimeNs now, const PodStarted& event);
  Status on(TimeNs now, const PodFinished& event);
  Status on(TimeNs now, const PodForgotten& event);
  Status on(TimeNs now, const PodEvicted& event);
  Status on(TimeNs now, const PodMoveStarted& event);
  Status on(TimeNs now, const PodMoved& event);
  Status on(TimeNs now, const PodMoveFailed& event);
  Status on(TimeNs now, const ProfileLoaded& event);
  Status on(TimeNs now, const GpuHeld& event);
  Status on(TimeNs now, const GpuReleased& event);
  Status on(TimeNs now, const Tick& event);

  /// Notes a change of the demand of the request's class where it states intent.
  void count_demand(TimeNs now, RequestClassId request, void (ClassDemand::*change)(JobClass));
  void take(PodId pod, const Candidate& placement);
  void give_back(PodId pod);
  /// Whether the move starts where the pod is, on a pod that can be moved at all.
  Status check_move(const PodMove& move) const;
  /// The pod holds the place it is being moved to no longer.
  void release_target(PodId pod);
  void shift(RequestClassId request, const Candidate& placement, int direction);
  /// What the spec says, apart from what runs: state, shape, sums.
  void describe(Node& node, const NodeSpec& spec);
  /// The place of a pod that the API server reports on a node that counts, once it has given back what it held: the
  /// GPUs reported, or else those held there, where they are free; the count decides nothing here.
  Candidate adopted_place(const Candidate& reported, const Candidate& held) const;
  Status check_count(const GpuRequest& request, const Node& node, NodeId id, std::span<const PodId> leaving) const;
  /// As many whole devices take newcomers as units are left.
  void hold_beyond_count(NodeId id, std::size_t resource);
  /// Whether one more tenant finds its kind on an instance whose tenants take turns, and memory left there.
  bool joins_instance(const Candidate& placement, std::size_t index, const GpuState& gpu,
                      std::span<const PodId> leaving, const PodMove* moved) const;
  /// Whether the part's units are taken or come free with it: not with a tenant beside others.
  bool moves_units(NodeId node, const GpuAssignment& part, int direction) const;
  void count_mig(const Node& node, int direction);
  Status hold(NodeId id, std::uint16_t gpu, bool held);
  void move_tenant(NodeId node, const GpuAssignment& part, RequestClassId request, int direction);
  void move_turn_taker(NodeId node, const GpuAssignment& part, RequestClassId request, int direction);
  void count_priority(std::int32_t priority, int direction);
  void mark_changed(NodeId id);
  /// Has the lines of a place read ahead: nobody waits for a pod's node while the index is brought up to date.
  void fetch(const Candidate& placement) const;
  void reorder();
  void index_gpus(NodeId id, bool insert);
  PodRecord* known_pod(PodId id);

  std::vector<Node, HugePageAllocator<Node>> nodes_;
  std::unordered_map<std::string, std::uint32_t> node_by_name_;
  InternTable<NodeShape> shapes_;
  RequestClassTable requests_;
  std::vector<std::int64_t> arrivals_;
  std::int64_t arrival_count_ = 0;
  ClassDemand class_demand_;
  std::vector<PodRecord, HugePageAllocator<PodRecord>> pods_;
  std::vector<NodeId> order_;
  // Nodes that came in order with as many GPUs each, as in most large clusters, need no table between node and GPU
  // ordinal: two lines of memory less in every decision. 0 where nodes differ.
  std::uint32_t gpus_per_node_ = 0;
  // Tables from node to GPU ordinal and back, apart from the nodes: small enough to stay in the cache.
  struct GpuNode {
    std::uint32_t first_gpu = 0;
    NodeId node;
  };
  std::vector<std::uint32_t> first_gpu_;    // by NodeId
  std::vector<GpuNode> gpu_nodes_;          // nodes with GPUs in order
  std::vector<std::uint32_t> gpu_node_at_;  // by ordinal / ordinals_per_entry: place in gpu_nodes_
  GpuIndex gpu_index_;
  bool order_stale_ = false;
  std::uint64_t topology_version_ = 0;
  std::vector<NodeId> changed_;
  std::map<PodId, Candidate> moving_to_;   // pods in a move; what they hold besides their placement
  std::map<PodId, TimeNs> last_moved_ns_;  // pods that hold resources and were moved
  std::map<std::string, JobProfile, std::less<>> profiles_;
  std::uint64_t profiles_version_ = 0;
  std::vector<std::uint32_t> gpu_base_;  // by NodeId: number of its first GPU in these
  // By gpu_base + device; empty until a mode is chosen.
  template <typename T, std::size_t N>
  using ListByGpu = std::vector<InlineVector<T, N>, HugePageAllocator<InlineVector<T, N>>>;
  ListByGpu<RequestClassId, 8> tenants_;
  ListByGpu<TurnTaker, 5> turn_takers_;
  std::uint32_t gpus_added_ = 0;
  std::vector<std::vector<std::int64_t>> resource_used_;  // by NodeId and resource; only of nodes that count
  bool counts_resources_ = false;
  bool follows_gpus_ = false;
  std::vector<GpuRef> changed_gpus_;
  NodeId last_node_, last_gpu_node_;
  std::uint16_t last_device_ = 0;
  std::vector<std::pair<std::int32_t, std::int64_t>> held_by_priority_;
  std::int64_t total_gpus_ = 0;
  std::int64_t used_gpu_milli_ = 0;
  std::int64_t used_mig_units_ = 0;
  std::int64_t total_mig_units_ = 0;
  std::int64_t mig_gpus_ = 0;
  std::int64_t active_gpus_ = 0;
};

}  // namespace gpusched
