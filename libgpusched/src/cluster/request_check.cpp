#include "gpusched/cluster/request_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gpusched/base/units.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

Error bad(std::string message, std::string remedy) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

const char* name_of(SharingMode mode) {
  constexpr const char* names[] = {"unstated", "whole", "mig", "time_slice", "mps"};
  return names[static_cast<std::size_t>(mode)];
}

Status check_numbers(const GpuRequest& request) {
  for (const auto& [field, value, least, most] :
       {std::tuple("cpu_milli", request.cpu_milli, std::int64_t{0}, std::numeric_limits<std::int64_t>::max()),
        std::tuple("memory_mib", request.memory_mib, std::int64_t{0}, std::numeric_limits<std::int64_t>::max()),
        std::tuple("gpu_memory_mib", request.gpu_memory_mib, std::int64_t{0}, std::int64_t{1} << 30),
        std::tuple("num_gpu", std::int64_t{request.num_gpu}, std::int64_t{0}, std::int64_t{65535}),
        std::tuple("gpu_milli", std::int64_t{request.gpu_milli}, std::int64_t{request.num_gpu > 0 ? 1 : 0},
                   milli_per_unit)}) {
    if (value < least || value > most) {
      return bad(std::string(field) + " is " + std::to_string(value) + (value < least ? ", below " : ", above ") +
                     std::to_string(value < least ? least : most),
                 field == std::string("gpu_milli") ? "A whole device is 1000; leave it 0 without GPUs" : "");
    }
  }
  if (!std::isfinite(request.max_slowdown) || request.max_slowdown < 0 ||
      (request.max_slowdown > 0 && request.max_slowdown < 1)) {
    return bad("max_slowdown is " + std::to_string(request.max_slowdown) + ", not a number from 1",
               "It is how many times as long the job may take as alone on a whole GPU; leave it out for any");
  }
  return {};
}

Status check_wishes(const GpuRequest& request) {
  if (request.num_gpu == 0 && !request.mig_profile.empty()) {
    return bad("mig_profile '" + request.mig_profile + "' with num_gpu 0", "num_gpu counts the instances");
  }
  const bool shared = request.mode == SharingMode::time_slice || request.mode == SharingMode::mps;
  if (shared && request.isolation != Isolation::none) {
    return bad(std::string("mode ") + name_of(request.mode) + " contradicts isolation " +
                   (request.isolation == Isolation::fault ? "fault" : "memory") + ": tenants share a context's fate",
               "Ask for mode mig or whole, or for isolation none");
  }
  if (!request.mig_profile.empty() && request.mode != SharingMode::mig && request.mode != SharingMode::unstated) {
    return bad(std::string("mode ") + name_of(request.mode) + " contradicts MIG profile '" + request.mig_profile + "'",
               "Leave out one of the two");
  }
  return {};
}

/// The models that the request allows; empty where it names one that the catalogue does not know.
std::vector<const GpuModel*> allowed_models(const GpuRequest& request) {
  std::vector<const GpuModel*> models;
  for (const std::string& name : request.gpu_models) {
    const Result<GpuModelId> id = find_gpu_model(name);
    if (!id) {
      return {};
    }
    models.push_back(&gpu_model(id.value()));
  }
  for (std::size_t i = 0; i < gpu_catalog().size() && request.gpu_models.empty(); ++i) {
    models.push_back(&gpu_catalog()[i]);
  }
  return models;
}

/// Against the catalogue: what no allowed model has, no cluster has.
Status check_models(const GpuRequest& request) {
  const std::vector<const GpuModel*> models = allowed_models(request);
  if (models.empty() || request.num_gpu == 0) {
    return {};  // an unknown name matches no node; that is found where the nodes are
  }
  const bool some_mig = std::any_of(models.begin(), models.end(), [](const GpuModel* m) { return m->has_lattice(); });
  std::int64_t most_mib = 0;  // of those of which it is known
  for (const GpuModel* model : models) {
    most_mib = std::max(most_mib, model->memory_mib.value_or(0));
  }
  if (request.mode == SharingMode::mig && !some_mig) {
    return bad("mode mig on " + request.gpu_models[0] + ", which cannot be cut" +
                   (request.gpu_models.size() > 1 ? ", nor the other models allowed" : ""),
               "Allow a model with MIG ('gpusched-sim list models'), or leave the mode to the scheduler");
  }
  // A tenth above, because nodes may report more than the catalogue has.
  if (most_mib > 0 && request.gpu_memory_mib > most_mib + most_mib / 10) {
    return bad("gpu_memory_mib is " + std::to_string(request.gpu_memory_mib) +
                   ", more than any allowed GPU model has (" + std::to_string(most_mib) + ")",
               "It is the memory of one device; ask for several devices, or allow larger models");
  }
  return {};
}

}  // namespace

Status check_gpu_request(const GpuRequest& request) {
  for (const auto check : {check_numbers, check_wishes, check_models}) {
    if (Status status = check(request); !status) {
      return status;
    }
  }
  return {};
}

}  // namespace gpusched
