#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/kube/pod_request.hpp"

/// The words in which pods ask for parts of GPUs, apart from counted resources.
namespace gpusched {

inline constexpr std::string_view hami_memory = "nvidia.com/gpumem";
inline constexpr std::string_view hami_memory_percent = "nvidia.com/gpumem-percentage";
inline constexpr std::string_view hami_cores = "nvidia.com/gpucores";
inline constexpr std::string_view gpushare_memory = "aliyun.com/gpu-mem";

Error request_error(ErrorCode code, std::string message, std::string remedy = {});

/// Whether HAMi's share of a device is named: they say how much of each `nvidia.com/gpu`, so they are not summed.
bool is_hami_share(std::string_view resource);

/// invalid_argument for a resource name that is known, but is no resource of a pod: the message names its place.
Status check_resource_place(std::string_view name);

/// The same for annotations and labels of a pod.
Status check_key_places(const PodSpec& pod);

/// A part of each device, in one of the dialects.
struct GpuShare {
  std::int32_t devices = 1;
  std::int32_t milli = 0;       ///< 0 = not stated
  std::int64_t memory_mib = 0;  ///< 0 = not stated
  SharingMode mode = SharingMode::unstated;
};

/// HAMi's share; nullopt where no container has one and no annotation names a mode of HAMi. `devices` is left alone.
Result<std::optional<GpuShare>> hami_share(const PodSpec& pod);

/// KAI's and Run:ai's share by annotation.
Result<std::optional<GpuShare>> kai_share(const PodSpec& pod);

/// Writes the annotations under gpusched.io/ into the request. Contract: its resource is set already.
Status set_intent(const PodSpec& pod, GpuRequest& request);

/// Whether an annotation under gpusched.io/ asks for a GPU by itself. The class alone does not: CPU jobs have one too.
bool asks_by_intent(const PodSpec& pod);

}  // namespace gpusched
