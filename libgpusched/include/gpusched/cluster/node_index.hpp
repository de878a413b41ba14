#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/intern_table.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/cluster/node_state.hpp"

namespace gpusched {

/// Whether a policy may swap the GPUs of a node. `interchangeable` merges permutations into one class;
/// `positional` keeps device order, for rules such as "lowest index wins" between unequal GPUs.
enum class GpuIdentity : std::uint8_t { interchangeable, positional };

/// What a policy tells apart when it looks at a node; the less, the fewer classes.
struct NodeView {
  GpuIdentity gpu_identity = GpuIdentity::interchangeable;
  bool reads_hosted_kinds = false;
};

/// Nodes by state: a decision looks at the classes that live, not at all nodes. Classes live in slots; a slot is
/// reused when its class loses the last member, and every such change is logged, so that a reader catches up cheaply.
class NodeIndex {
 public:
  explicit NodeIndex(NodeView view) : view_(view) {}

  /// Brings the index up to date with the state. Call before reading.
  void sync(ClusterState& state);

  std::uint32_t slot_count() const { return static_cast<std::uint32_t>(slots_.size()); }
  /// False for a slot that is free at present.
  bool is_live(std::uint32_t slot) const { return member_counts_[slot] > 0; }
  NodeClassId class_of_slot(std::uint32_t slot) const { return slots_[slot].node_class; }
  const NodeState& state_of_slot(std::uint32_t slot) const { return classes_[slots_[slot].node_class.value]; }
  std::uint32_t member_count(std::uint32_t slot) const { return member_counts_[slot]; }
  std::span<const std::uint32_t> member_count_of_slot() const { return member_counts_; }
  /// Free memory of the nodes in each slot, MiB.
  std::span<const std::int64_t> memory_free_of_slot() const { return memory_free_; }
  /// The first member in node order: its place in that order.
  std::uint32_t first_member(std::uint32_t slot);
  /// The first member whose order is above `after`, or none.
  std::uint32_t first_member_after(std::uint32_t slot, std::int64_t after) const;
  /// Slot of the node at this place of the node order.
  std::uint32_t slot_of_order(std::uint32_t order) const { return slot_of_order_[order]; }
  /// The nodes in tie-breaking order.
  std::span<const NodeId> order() const { return order_; }
  std::uint32_t order_count() const { return static_cast<std::uint32_t>(slot_of_order_.size()); }

  /// Slots whose class changed, in order; `generation` changes when the log (and every slot) starts anew.
  std::span<const std::uint32_t> change_log() const { return log_; }
  std::uint64_t generation() const { return generation_; }
  std::uint32_t class_count() const { return classes_.size(); }

 private:
  struct Slot {
    NodeClassId node_class;
    std::vector<std::uint32_t> heap;  // min-heap of node orders; entries of nodes that left are dropped on reading
  };

  void rebuild(ClusterState& state);
  void move_in(std::uint32_t order, const NodeState& state);
  void move_out(std::uint32_t order);
  void drop_stale(std::uint32_t slot);

  static constexpr std::uint32_t no_slot = 0xffffffffU;
  static constexpr std::uint32_t max_classes = 1U << 20;  // about 200 MB of states; then all caches start anew
  static constexpr std::size_t max_log = 1U << 22;

  NodeView view_;
  InternTable<NodeState> classes_;
  std::vector<std::uint32_t> slot_of_class_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> member_counts_;  // by slot, as memory_free_: decisions scan them
  std::vector<std::int64_t> memory_free_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::uint32_t> slot_of_order_;
  std::vector<NodeId> order_;
  std::vector<std::uint32_t> log_;
  std::uint64_t generation_ = 0;
  std::uint64_t topology_version_ = ~std::uint64_t{0};
};

}  // namespace gpusched
