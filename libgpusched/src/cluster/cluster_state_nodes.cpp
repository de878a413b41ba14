// Nodes that come, go and change health; their order, and the ordinals of their GPUs.
#include <algorithm>
#include <utility>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "cluster/state_errors.hpp"

namespace gpusched {

namespace {

Status check_spec(const NodeSpec& spec) {
  if (spec.gpus.size() > 0xffff) {
    return conflict("node '" + spec.name + "' has " + std::to_string(spec.gpus.size()) + " GPUs, more than 65535");
  }
  if (std::any_of(spec.gpus.begin(), spec.gpus.end(),
                  [&](const GpuSpec& gpu) { return gpu.model != spec.gpus[0].model; })) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "node '" + spec.name + "' has GPUs of several models",
                 .file = {},
                 .line = 0,
                 .remedy = "Node labels name one model per node: describe it as one node per model"};
  }
  return {};
}

}  // namespace

Status ClusterState::on(TimeNs, const NodeAdded& event) {
  const NodeSpec& spec = event.node;
  if (Status good = check_spec(spec); !good) {
    return good;
  }
  const auto [entry, is_new] = node_by_name_.try_emplace(spec.name, static_cast<std::uint32_t>(nodes_.size()));
  if (!is_new) {
    if (!nodes_[entry->second].removed) {
      return {};  // a repeated watch event
    }
    entry->second = static_cast<std::uint32_t>(nodes_.size());
  }
  Node node;
  gpu_base_.push_back(gpus_added_);
  gpus_added_ += static_cast<std::uint32_t>(spec.gpus.size());
  const NodeId id{static_cast<std::uint32_t>(nodes_.size())};
  describe(node, spec);
  nodes_.push_back(std::move(node));
  first_gpu_.push_back(0);
  if (!spec.resources.empty()) {
    counts_resources_ = true;
    resource_used_.resize(nodes_.size());
    resource_used_.back().assign(spec.resources.size(), 0);
    for (std::size_t i = 0; i < spec.resources.size(); ++i) {
      hold_beyond_count(id, i);
    }
  }
  order_stale_ = true;
  ++topology_version_;
  return {};
}

void ClusterState::describe(Node& node, const NodeSpec& spec) {
  node.spec = spec;
  node.state.shape = shapes_.intern({.cpu_milli = spec.cpu_milli,
                                     .memory_mib = spec.memory_mib,
                                     .gpus = spec.gpus,
                                     .sharing = spec.sharing,
                                     .replicas = spec.replicas,
                                     .resources = spec.resources,
                                     .labels = spec.labels});
  node.state.replicas = spec.replicas;
  node.state.cpu_free_milli = spec.cpu_milli;
  node.state.memory_free_mib = spec.memory_mib;
  for (const GpuSpec& gpu : spec.gpus) {
    GpuState state;
    state.model = static_cast<std::uint16_t>(gpu.model.value);
    state.free_memory_mib = gpu.memory_mib > 0 ? static_cast<std::int32_t>(gpu.memory_mib) : -1;
    state.held = gpu.fixed;
    node.state.gpus.push_back(state);
  }
  node.takes_mig = !spec.gpus.empty() && gpu_model(spec.gpus[0].model).has_lattice() &&
                   (spec.sharing == NodeSharing::mig || spec.sharing == NodeSharing::any) && spec.resources.empty();
  total_gpus_ += static_cast<std::int64_t>(spec.gpus.size());
  count_mig(node, 1);
}

Status ClusterState::on(TimeNs, const NodeChanged& event) {
  if (event.node.value >= nodes_.size() || nodes_[event.node.value].removed) {
    return unknown("node #" + std::to_string(event.node.value) + " is not known");
  }
  if (Status good = check_spec(event.spec); !good) {
    return good;
  }
  Node& node = nodes_[event.node.value];
  if (event.spec.name != node.spec.name || event.spec.resources.empty() || node.spec.resources.empty()) {
    return conflict("node '" + node.spec.name + "' changes its name, or does not count its resources");
  }
  // Everything that runs leaves for a moment: what it holds then follows from the new spec as it did from the old.
  const std::vector<PodId> pods(node.pods.begin(), node.pods.end());
  for (const PodId pod : pods) {
    give_back(pod);
  }
  total_gpus_ -= static_cast<std::int64_t>(node.spec.gpus.size());
  if (event.spec.gpus.size() > node.spec.gpus.size()) {
    gpu_base_[event.node.value] = gpus_added_;
    gpus_added_ += static_cast<std::uint32_t>(event.spec.gpus.size());
  }
  const bool reorders = event.spec.gpus != node.spec.gpus || event.spec.rank != node.spec.rank;
  node.state.gpus = {};
  describe(node, event.spec);
  resource_used_[event.node.value].assign(event.spec.resources.size(), 0);
  for (std::size_t i = 0; i < event.spec.resources.size(); ++i) {
    hold_beyond_count(event.node, i);
  }
  for (const PodId pod : pods) {
    take(pod, adopted_place(pods_[pod.value].placement, {}));
  }
  if (reorders) {
    order_stale_ = true;
    ++topology_version_;
  }
  mark_changed(event.node);
  return {};
}

Candidate ClusterState::adopted_place(const Candidate& reported, const Candidate& held) const {
  Candidate place = reported.gpus.empty() && held.node == reported.node ? held : reported;
  const Node& node = nodes_[place.node.value];
  std::vector<char> is_taken(node.state.gpus.size(), 0);
  for (const GpuAssignment& part : place.gpus) {
    const bool is_free = part.gpu < node.state.gpus.size() && node.state.gpus[part.gpu].idle() &&
                         !node.spec.gpus[part.gpu].fixed && part.share_milli == milli_per_unit &&
                         part.range.size == 0 && is_taken[part.gpu] == 0;
    if (!is_free) {
      place.gpus = {};  // it runs there all the same: the kubelet knows on which GPU, we do not
      break;
    }
    is_taken[part.gpu] = 1;
  }
  return place;
}

Status ClusterState::check_count(const GpuRequest& request, const Node& node, NodeId id,
                                 std::span<const PodId> leaving) const {
  const auto resource = find_resource(node.spec.resources, request);
  if (!resource) {
    return request.num_gpu == 0 ? Status{} : conflict("node '" + node.spec.name + "' does not offer the resource");
  }
  std::int64_t free = resource_free(id, *resource);
  for (const PodId pod : leaving) {
    const GpuRequest& held = requests_[pods_[pod.value].request.value];
    free += find_resource(node.spec.resources, held) == resource ? held.num_gpu : 0;
  }
  return free >= request.num_gpu ? Status{}
                                 : conflict("node '" + node.spec.name + "' has too few units of the resource left");
}

void ClusterState::hold_beyond_count(NodeId id, std::size_t resource) {
  Node& node = nodes_[id.value];
  if (!node.spec.resources[resource].whole_devices) {
    return;
  }
  std::int64_t takers = std::max<std::int64_t>(0, resource_free(id, resource));
  for (std::size_t i = 0; i < node.state.gpus.size(); ++i) {
    if (!node.spec.gpus[i].fixed && node.state.gpus[i].idle()) {
      const bool takes = takers-- > 0;
      if (node.state.gpus[i].held == takes) {
        node.state.gpus[i].held = !takes;
        if (follows_gpus_) {
          changed_gpus_.push_back({id, static_cast<std::uint16_t>(i)});
        }
        mark_changed(id);
      }
    }
  }
}

void ClusterState::count_mig(const Node& node, int direction) {
  if (node.takes_mig) {
    const auto gpus = direction * static_cast<std::int64_t>(node.spec.gpus.size());
    mig_gpus_ += gpus;
    total_mig_units_ += gpus * gpu_model(node.spec.gpus[0].model).placement_units;
  }
}

Status ClusterState::on(TimeNs, const NodeRemoved& event) {
  if (event.node.value >= nodes_.size()) {
    return unknown("node #" + std::to_string(event.node.value) + " is not known");
  }
  Node& node = nodes_[event.node.value];
  if (node.removed) {
    return {};
  }
  if (!node.pods.empty()) {
    return conflict("node '" + node.spec.name + "' still holds " + std::to_string(node.pods.size()) +
                    " pods: evict them first");
  }
  if (std::any_of(moving_to_.begin(), moving_to_.end(),
                  [&](const auto& entry) { return entry.second.node == event.node; })) {
    return conflict("a pod is being moved to node '" + node.spec.name + "': end the move first");
  }
  node.removed = true;
  node.state.schedulable = false;
  total_gpus_ -= static_cast<std::int64_t>(node.spec.gpus.size());
  count_mig(node, -1);
  order_stale_ = true;
  ++topology_version_;
  return {};
}

Status ClusterState::on(TimeNs, const HealthChanged& event) {
  if (event.node.value >= nodes_.size() || nodes_[event.node.value].removed) {
    return unknown("node #" + std::to_string(event.node.value) + " is not known");
  }
  Node& node = nodes_[event.node.value];
  const bool schedulable = event.health == NodeHealth::ready;
  node.health = event.health;
  if (schedulable != node.state.schedulable) {
    if (!order_stale_) {
      index_gpus(event.node, schedulable);
    }
    node.state.schedulable = schedulable;
    mark_changed(event.node);
    for (std::size_t gpu = 0; follows_gpus_ && gpu < node.state.gpus.size(); ++gpu) {
      changed_gpus_.push_back({event.node, static_cast<std::uint16_t>(gpu)});
    }
  }
  return {};
}

void ClusterState::index_gpus(NodeId id, bool insert) {
  const Node& node = nodes_[id.value];
  if (!node.takes_mig) {
    return;
  }
  for (std::size_t i = 0; i < node.state.gpus.size(); ++i) {
    const GpuState& gpu = node.state.gpus[i];
    const std::uint32_t ordinal = first_gpu(id) + static_cast<std::uint32_t>(i);
    if (gpu.takes_instances()) {
      if (insert) {
        gpu_index_.insert(gpu, ordinal);
      } else {
        gpu_index_.erase(ordinal);
      }
    }
  }
}

void ClusterState::reorder() {
  order_.clear();
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].removed) {
      order_.push_back(NodeId{i});
    }
  }
  std::sort(order_.begin(), order_.end(), [&](NodeId a, NodeId b) {
    const NodeSpec& left = nodes_[a.value].spec;
    const NodeSpec& right = nodes_[b.value].spec;
    return left.rank != right.rank ? left.rank < right.rank : left.name < right.name;
  });
  std::uint32_t gpus = 0;
  gpu_nodes_.clear();
  gpu_node_at_.clear();
  for (std::uint32_t i = 0; i < order_.size(); ++i) {
    Node& node = nodes_[order_[i].value];
    node.order = i;
    first_gpu_[order_[i].value] = gpus;
    if (!node.state.gpus.empty()) {
      gpu_nodes_.push_back({.first_gpu = gpus, .node = order_[i]});
      gpus += static_cast<std::uint32_t>(node.state.gpus.size());
      const std::uint32_t entries = (gpus + ordinals_per_entry - 1) / ordinals_per_entry;
      gpu_node_at_.resize(entries, static_cast<std::uint32_t>(gpu_nodes_.size() - 1));
    }
  }
  const auto per_node = static_cast<std::uint32_t>(order_.empty() ? 0 : nodes_[order_[0].value].state.gpus.size());
  const bool in_order = std::all_of(order_.begin(), order_.end(), [&](NodeId id) {
    return nodes_[id.value].order == id.value && nodes_[id.value].state.gpus.size() == per_node;
  });
  gpus_per_node_ = in_order ? per_node : 0;
  gpu_index_.reset(gpus);
  order_stale_ = false;
  for (const NodeId id : order_) {
    if (nodes_[id.value].state.schedulable) {
      index_gpus(id, true);
    }
  }
}

std::span<const NodeId> ClusterState::node_order() {
  if (order_stale_) {
    reorder();
  }
  return order_;
}

const GpuIndex& ClusterState::gpu_index() {
  if (order_stale_) {
    reorder();
  }
  return gpu_index_;
}

std::pair<NodeId, std::uint16_t> ClusterState::gpu_at(std::uint32_t ordinal) const {
  if (gpus_per_node_ > 0) {
    return {NodeId{ordinal / gpus_per_node_}, static_cast<std::uint16_t>(ordinal % gpus_per_node_)};
  }
  const GpuNode* found = &gpu_nodes_[gpu_node_at_[ordinal / ordinals_per_entry]];
  while (found != &gpu_nodes_.back() && found[1].first_gpu <= ordinal) {
    ++found;  // an entry names the node of its first ordinal; others may begin behind it
  }
  return {found->node, static_cast<std::uint16_t>(ordinal - found->first_gpu)};
}

}  // namespace gpusched
