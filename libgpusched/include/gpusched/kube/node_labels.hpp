#pragma once

#include <string_view>

namespace gpusched::node_label {

/// Labels that NVIDIA's GPU Feature Discovery writes. Source: GFD README, internal/lm.
inline constexpr std::string_view gpu_product = "nvidia.com/gpu.product";
inline constexpr std::string_view gpu_count = "nvidia.com/gpu.count";
inline constexpr std::string_view gpu_memory = "nvidia.com/gpu.memory";  ///< MiB of one device
inline constexpr std::string_view gpu_replicas = "nvidia.com/gpu.replicas";
inline constexpr std::string_view gpu_sharing_strategy =
    "nvidia.com/gpu.sharing-strategy";  ///< none, time-slicing, mps
inline constexpr std::string_view gpu_family = "nvidia.com/gpu.family";
inline constexpr std::string_view mig_capable = "nvidia.com/mig.capable";
inline constexpr std::string_view mig_strategy = "nvidia.com/mig.strategy";  ///< none, single, mixed

/// Labels of the MIG manager and of the device plugin.
inline constexpr std::string_view mig_config = "nvidia.com/mig.config";
inline constexpr std::string_view mig_config_state = "nvidia.com/mig.config.state";
inline constexpr std::string_view device_plugin_config = "nvidia.com/device-plugin.config";

/// Endings of gpu.product.
inline constexpr std::string_view product_shared_suffix = "-SHARED";
inline constexpr std::string_view product_mig_infix = "-MIG-";
inline constexpr std::string_view product_mig_invalid = "INVALID";

}  // namespace gpusched::node_label
