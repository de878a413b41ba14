#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/reshape/gpu_layout.hpp"

namespace gpusched {

/// Annotation of a node: which MIG instances exist where. Whoever makes the instances writes it.
///
///     layout = gpu *( ";" gpu )
///     gpu    = INDEX ":" ( "off" | [ PROFILE "@" START *( "," PROFILE "@" START ) ] )
///
/// `0:1g.10gb@0,3g.40gb@4;1:;2:off`: GPU 0 holds two instances, GPU 1 is in MIG mode and empty, the MIG mode of GPU 2
/// is off. Spaces around a part are allowed. A GPU that is not named is unknown.
inline constexpr std::string_view gpu_layout_annotation = "gpusched.io/gpu-layout";

/// One GPU of the annotation.
struct AnnotatedGpu {
  std::int32_t gpu = 0;  ///< NVML index within the node
  bool mig_enabled = true;
  std::vector<PlacedPartition> instances;  ///< by start, all idle

  friend bool operator==(const AnnotatedGpu&, const AnnotatedGpu&) = default;
};

/// By ascending index; empty text is no GPU. invalid_argument: a part that is no INDEX:INSTANCES, an index above 1023
/// or used twice, instances as parse_instances(); unsupported: instances on a model without lattice.
Result<std::vector<AnnotatedGpu>> parse_gpu_layout_annotation(GpuModelId model, std::string_view text);

/// The text that parse_gpu_layout_annotation() reads.
std::string format_gpu_layout_annotation(GpuModelId model, const std::vector<AnnotatedGpu>& gpus);

}  // namespace gpusched
