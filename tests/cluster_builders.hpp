#pragma once

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::test {

inline GpuModelId model_named(const std::string& name) { return find_gpu_model(name).value(); }

/// A node with 16 CPUs and 64 GiB per GPU (at least one of each), device memory as the catalogue has it.
inline NodeSpec gpu_node(std::string name, const std::string& model, int gpus, NodeSharing sharing = NodeSharing::any) {
  NodeSpec node;
  node.name = std::move(name);
  node.cpu_milli = 16'000 * std::max(gpus, 1);
  node.memory_mib = 65'536 * std::max(gpus, 1);
  if (gpus > 0) {
    const GpuModelId id = model_named(model);
    node.gpus.assign(static_cast<std::size_t>(gpus), {.model = id, .memory_mib = gpu_model(id).memory_mib.value_or(0)});
  }
  node.sharing = sharing;
  return node;
}

inline GpuRequest cpu_request(std::int64_t cpu_milli, std::int64_t memory_mib = 0) {
  GpuRequest request;
  request.cpu_milli = cpu_milli;
  request.memory_mib = memory_mib;
  return request;
}

inline GpuRequest share_request(std::int32_t gpu_milli, std::int64_t gpu_memory_mib = 0) {
  GpuRequest request;
  request.num_gpu = 1;
  request.gpu_milli = gpu_milli;
  request.gpu_memory_mib = gpu_memory_mib;
  return request;
}

inline GpuRequest whole_request(std::int32_t num_gpu) {
  GpuRequest request;
  request.num_gpu = num_gpu;
  request.gpu_milli = 1000;
  return request;
}

inline GpuRequest mig_request(std::string profile, std::int32_t instances = 1) {
  GpuRequest request = whole_request(instances);
  request.mig_profile = std::move(profile);
  request.mode = SharingMode::mig;
  return request;
}

inline GpuRequest with_priority(GpuRequest request, std::int32_t priority) {
  request.priority = priority;
  return request;
}

inline GpuAssignment share_on(std::uint16_t gpu, std::uint16_t milli, std::int32_t memory_mib = 0) {
  GpuAssignment part;
  part.gpu = gpu;
  part.share_milli = milli;
  part.memory_mib = memory_mib;
  return part;
}

inline GpuAssignment instance_on(std::uint16_t gpu, const std::string& model, const std::string& profile,
                                 std::int16_t start) {
  const GpuModelId id = model_named(model);
  GpuAssignment part;
  part.gpu = gpu;
  part.profile = find_mig_profile(id, profile).value();
  const MigProfile& row = gpu_model(id).profiles[part.profile.value];
  part.range = {start, static_cast<std::int16_t>(row.memory_units)};
  part.mig_labels = mig_label_bits(row);
  return part;
}

inline Candidate place_on(NodeId node, std::initializer_list<GpuAssignment> parts = {}) {
  Candidate place;
  place.node = node;
  for (const GpuAssignment& part : parts) {
    place.gpus.push_back(part);
  }
  return place;
}

/// What runs where on the nodes, as text: equal texts are equal states.
inline std::string text_of(const NodeState& state) {
  std::ostringstream text;
  text << "shape=" << state.shape << " schedulable=" << state.schedulable << " kinds=" << int{state.hosted_kinds}
       << " cpu=" << state.cpu_free_milli << " memory=" << state.memory_free_mib;
  for (const GpuState& gpu : state.gpus) {
    text << " [" << gpu.model << " " << gpu.free_milli << " " << gpu.mig_occupancy << " " << int{gpu.mig_labels} << " "
         << int{gpu.tenants} << " " << int{gpu.sliced_starts} << " " << gpu.free_memory_mib << "]";
  }
  return text.str();
}

inline std::string text_of(const Candidate& place) {
  std::ostringstream text;
  text << "node=" << place.node.value;
  for (const GpuAssignment& part : place.gpus) {
    text << " (" << part.gpu << " " << part.share_milli << " " << part.range.start << "+" << part.range.size << " "
         << part.profile.value << " " << int{part.mig_labels} << " " << part.memory_mib << ")";
  }
  return text.str();
}

/// Everything that the getters of a cluster state show, as text. `request_classes` counts only where they should not
/// change: asking for a decision may number a request.
inline std::string visible_state(const ClusterState& state, bool request_classes = true) {
  std::ostringstream text;
  for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
    const Node& node = state.nodes()[i];
    text << node.spec.name << " health=" << static_cast<int>(node.health) << " removed=" << node.removed
         << " mig=" << node.takes_mig << " order=" << node.order << " first_gpu=" << state.first_gpu(NodeId{i}) << " "
         << text_of(node.state) << " pods:";
    for (const PodId pod : node.pods) {
      text << " " << pod.value;
    }
    text << " hosted:";
    for (const std::uint16_t count : node.hosted_count) {
      text << " " << count;
    }
    text << " found=" << state.find_node(node.spec.name).value << "\n";
  }
  for (std::size_t i = 0; i < state.pods().size(); ++i) {
    const PodRecord& pod = state.pods()[i];
    text << "pod " << i << " request=" << pod.request.value << " phase=" << static_cast<int>(pod.phase)
         << " version=" << pod.version;
    if (pod.holds_resources()) {
      text << " " << text_of(pod.placement);
    }
    text << "\n";
  }
  text << "shapes=" << state.shapes().size() << " topology=" << state.topology_version()
       << " arrivals=" << state.arrival_count() << ":";
  for (std::size_t i = 0; i < state.arrivals().size(); ++i) {
    if (state.arrivals()[i] != 0) {
      text << " " << i << "x" << state.arrivals()[i];
    }
  }
  if (request_classes) {
    text << " classes=" << state.request_class_count();
  }
  text << "\ncursors " << state.last_placed_node_order() << " " << state.last_placed_gpu() << "\npriorities";
  for (const auto& [priority, count] : state.held_by_priority()) {
    text << " " << priority << ":" << count;
  }
  text << "\ngpus=" << state.total_gpus() << " milli=" << state.used_gpu_milli() << " units=" << state.used_mig_units()
       << "/" << state.total_mig_units() << " mig_gpus=" << state.mig_gpus() << " active=" << state.active_gpus()
       << "\n";
  return text.str();
}

/// The members of the GPU index by (model, occupancy), as text; classes without members are left out.
inline std::string gpu_index_text(ClusterState& state) {
  std::vector<std::string> lines;
  const GpuIndex& index = state.gpu_index();
  for (std::size_t number = 0; number < index.buckets().size(); ++number) {
    const GpuIndex::Bucket& bucket = index.buckets()[number];
    if (bucket.empty()) {
      continue;
    }
    std::ostringstream line;
    line << bucket.model << "/" << bucket.occupancy << ":";
    for (std::uint32_t i = bucket.first; i != GpuIndex::none; i = index.next_member(number, i + 1)) {
      line << " " << i;
    }
    line << " (" << bucket.count << ")\n";
    lines.push_back(line.str());
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) {
    text += line;
  }
  return text;
}

}  // namespace gpusched::test
