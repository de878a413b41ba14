#include "gpusched/filter/request_filter.hpp"

#include <algorithm>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {

namespace {

bool labels_match(const GpuRequest& request, const NodeShape& shape) {
  return std::all_of(request.node_labels.begin(), request.node_labels.end(), [&](const auto& wanted) {
    return std::find(shape.labels.begin(), shape.labels.end(), wanted) != shape.labels.end();
  });
}

/// Whether the node hands out its GPUs the way the request asks.
bool sharing_matches(const GpuRequest& request, NodeSharing sharing) {
  if (!request.mig_profile.empty()) {
    return sharing == NodeSharing::mig || sharing == NodeSharing::any;
  }
  const bool whole = request.gpu_milli == milli_per_unit;
  switch (sharing) {
    case NodeSharing::any:
      return true;
    case NodeSharing::exclusive:
      return whole && request.mode != SharingMode::time_slice && request.mode != SharingMode::mps;
    case NodeSharing::time_slice:
      return request.mode == SharingMode::time_slice || request.mode == SharingMode::unstated;
    case NodeSharing::mps:
      return request.mode == SharingMode::mps || request.mode == SharingMode::unstated;
    case NodeSharing::mig:
      return false;
  }
  return false;
}

}  // namespace

bool model_allowed(const std::vector<std::string>& allowed, GpuModelId model) {
  return allowed.empty() || std::any_of(allowed.begin(), allowed.end(), [&](const std::string& name) {
           const Result<GpuModelId> id = find_gpu_model(name);
           return id.ok() && id.value() == model;
         });
}

RequestFilter::PerClass& RequestFilter::of(RequestClassId request) {
  if (request.value >= classes_.size()) {
    classes_.resize(request.value + std::size_t{1});
  }
  return classes_[request.value];
}

RejectReason RequestFilter::learn_static_reason(const ClusterState& state, RequestClassId request,
                                                std::uint32_t shape) {
  const RejectReason reason = find_static_reason(state, request, state.shapes()[shape]);
  std::vector<std::uint8_t>& known = of(request).by_shape;
  known.resize(state.shapes().size(), 0);
  known[shape] = static_cast<std::uint8_t>(static_cast<int>(reason) + 1);
  return reason;
}

RejectReason RequestFilter::find_static_reason(const ClusterState& state, RequestClassId id, const NodeShape& shape) {
  const GpuRequest& request = state.request(id);
  if (!labels_match(request, shape)) {
    return RejectReason::label_mismatch;
  }
  if (request.num_gpu > 0) {
    const auto allowed = std::count_if(shape.gpus.begin(), shape.gpus.end(), [&](const GpuSpec& gpu) {
      return model_allowed(request.gpu_models, gpu.model);
    });
    if (allowed == 0) {
      return shape.gpus.empty() ? RejectReason::too_large : RejectReason::gpu_model_mismatch;
    }
    if (!shape.resources.empty()) {
      const auto resource = find_resource(shape.resources, request);
      if (!resource) {
        return RejectReason::resource_not_offered;
      }
      if (!shape.resources[*resource].whole_devices) {
        return RejectReason::sharing_mismatch;  // counted, not chosen by device
      }
    }
    if (!sharing_matches(request, shape.sharing)) {
      return RejectReason::sharing_mismatch;
    }
    if (!request.mig_profile.empty()) {
      const bool served = std::any_of(shape.gpus.begin(), shape.gpus.end(), [&](const GpuSpec& gpu) {
        return resolve(state, id, static_cast<std::uint16_t>(gpu.model.value)).profile.valid();
      });
      if (!served) {
        return RejectReason::mig_unsupported;
      }
    }
  }
  NodeState empty;
  empty.cpu_free_milli = shape.cpu_milli;
  empty.memory_free_mib = shape.memory_mib;
  empty.replicas = shape.replicas;
  for (const GpuSpec& gpu : shape.gpus) {
    empty.gpus.push_back({.model = static_cast<std::uint16_t>(gpu.model.value),
                          .held = gpu.fixed,
                          .free_memory_mib = gpu.memory_mib > 0 ? static_cast<std::int32_t>(gpu.memory_mib) : -1});
  }
  if (!request.mig_profile.empty()) {
    const auto model = static_cast<std::uint16_t>(shape.gpus[0].model.value);
    const MigLattice& lattice = MigLattice::of(shape.gpus[0].model);
    const std::size_t most = shape.gpus.size() * lattice.placements_of(resolve(state, id, model).shape).size();
    const bool fits = shape.cpu_milli >= request.cpu_milli && shape.memory_mib >= request.memory_mib &&
                      static_cast<std::size_t>(request.num_gpu) <= most;
    return fits ? RejectReason::none : RejectReason::too_large;
  }
  return capacity_reason(request, empty) == RejectReason::none ? RejectReason::none : RejectReason::too_large;
}

RejectReason RequestFilter::capacity_reason(const GpuRequest& request, const NodeState& node) {
  if (!node.schedulable) {
    return RejectReason::node_unavailable;
  }
  if (node.cpu_free_milli < request.cpu_milli) {
    return RejectReason::insufficient_cpu;
  }
  if (node.memory_free_mib < request.memory_mib) {
    return RejectReason::insufficient_memory;
  }
  if (request.num_gpu == 0) {
    return RejectReason::none;
  }
  std::int32_t fitting = 0;
  std::int32_t fitting_without_memory = 0;
  for (const GpuState& gpu : node.gpus) {
    fitting += share_fits(request, node, gpu) ? 1 : 0;
    fitting_without_memory += gpu.shareable_milli() >= request.gpu_milli ? 1 : 0;
  }
  if (fitting >= request.num_gpu) {
    return RejectReason::none;
  }
  if (fitting_without_memory >= request.num_gpu) {
    return RejectReason::insufficient_gpu_memory;
  }
  return request.gpu_milli == milli_per_unit ? RejectReason::insufficient_gpus : RejectReason::insufficient_gpu_share;
}

const ResolvedProfile& RequestFilter::resolve(const ClusterState& state, RequestClassId request, std::uint16_t model) {
  PerClass& known = of(request);
  if (model >= known.by_model.size()) {
    known.by_model.resize(gpu_catalog().size());
    known.model_known.resize(gpu_catalog().size(), 0);
  }
  if (known.model_known[model] == 0) {
    known.model_known[model] = 1;
    const GpuRequest& wanted = state.request(request);
    const GpuModelId id{model};
    const Result<MigProfileId> found = find_mig_profile(id, wanted.mig_profile);
    if (gpu_model(id).has_lattice() && model_allowed(wanted.gpu_models, id) && found.ok()) {
      const MigProfile& profile = gpu_model(id).profiles[found.value().value];
      if (wanted.gpu_memory_mib <= profile.memory_mib.value_or(0)) {
        const int shape = MigLattice::of(id).shape_of(found.value());
        const std::uint8_t labels = mig_label_bits(profile);
        const int conflicts = labels | (profile.no_media_extensions ? 0 : mig_label_all_media);
        known.by_model[model] = {.profile = found.value(),
                                 .shape = shape,
                                 .mig_labels = labels,
                                 .conflicts = static_cast<std::uint8_t>(conflicts),
                                 .needs_empty_gpu = profile.all_media_extensions};
      }
    }
  }
  return known.by_model[model];
}

}  // namespace gpusched
