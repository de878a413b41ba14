#include "gpusched/cluster/node_index.hpp"

#include <algorithm>
#include <functional>

namespace gpusched {

void NodeIndex::sync(ClusterState& state) {
  if (state.topology_version() != topology_version_ || classes_.size() > max_classes || log_.size() > max_log) {
    rebuild(state);
    return;
  }
  for (const NodeId id : state.take_changed_nodes()) {
    const Node& node = state.node(id);
    move_out(node.order);
    move_in(node.order, node.state);
  }
}

void NodeIndex::rebuild(ClusterState& state) {
  state.take_changed_nodes();
  const std::span<const NodeId> order = state.node_order();
  order_.assign(order.begin(), order.end());
  classes_.clear();
  slot_of_class_.clear();
  slots_.clear();
  member_counts_.clear();
  memory_free_.clear();
  free_slots_.clear();
  log_.clear();
  slot_of_order_.assign(order.size(), no_slot);
  ++generation_;
  topology_version_ = state.topology_version();
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    move_in(i, state.node(order[i]).state);
  }
}

void NodeIndex::move_in(std::uint32_t order, const NodeState& state) {
  NodeState seen = view_.gpu_identity == GpuIdentity::interchangeable ? with_sorted_gpus(state) : state;
  if (!view_.reads_hosted_kinds) {
    seen.hosted_kinds = 0;
  }
  const std::uint32_t id = classes_.intern(seen);
  if (id >= slot_of_class_.size()) {
    slot_of_class_.resize(id + std::size_t{1}, no_slot);
  }
  std::uint32_t& slot = slot_of_class_[id];
  if (slot == no_slot) {
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
      slots_.emplace_back();
      member_counts_.push_back(0);
      memory_free_.push_back(0);
    }
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot].node_class = NodeClassId{id};
    slots_[slot].heap.clear();
    memory_free_[slot] = state.memory_free_mib;
    log_.push_back(slot);
  }
  Slot& target = slots_[slot];
  const std::uint32_t count = ++member_counts_[slot];
  if (target.heap.size() > 2 * std::size_t{count} + 64) {
    drop_stale(slot);
  }
  target.heap.push_back(order);
  std::push_heap(target.heap.begin(), target.heap.end(), std::greater<>());
  slot_of_order_[order] = slot;
}

void NodeIndex::drop_stale(std::uint32_t slot) {
  std::vector<std::uint32_t>& heap = slots_[slot].heap;
  std::erase_if(heap, [&](std::uint32_t order) { return slot_of_order_[order] != slot; });
  std::sort(heap.begin(), heap.end());  // sorted is a heap
  heap.erase(std::unique(heap.begin(), heap.end()), heap.end());
}

void NodeIndex::move_out(std::uint32_t order) {
  const std::uint32_t slot = slot_of_order_[order];
  slot_of_order_[order] = no_slot;
  if (--member_counts_[slot] == 0) {
    slot_of_class_[slots_[slot].node_class.value] = no_slot;
    free_slots_.push_back(slot);
    log_.push_back(slot);
  }
}

std::uint32_t NodeIndex::first_member(std::uint32_t slot) {
  std::vector<std::uint32_t>& heap = slots_[slot].heap;
  while (slot_of_order_[heap.front()] != slot) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.pop_back();
  }
  return heap.front();
}

std::uint32_t NodeIndex::first_member_after(std::uint32_t slot, std::int64_t after) const {
  std::uint32_t best = no_slot;
  for (const std::uint32_t order : slots_[slot].heap) {
    if (static_cast<std::int64_t>(order) > after && order < best && slot_of_order_[order] == slot) {
      best = order;
    }
  }
  return best;
}

}  // namespace gpusched
