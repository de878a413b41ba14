#include "model/gpu_catalog_rows.hpp"

namespace gpusched::detail {

namespace {

constexpr std::array<std::optional<int>, 6> ga100_sm_count{14, 14, 28, 42, 56, 98};

constexpr std::array<Engines, 6> a100_40gb_engines{{
    {.copy = 1},
    {.copy = 1, .nvdec = 1},
    {.copy = 2, .nvdec = 1},
    {.copy = 3, .nvdec = 2},
    {.copy = 4, .nvdec = 2},
    {.copy = 7, .nvdec = 5, .jpeg = 1, .ofa = 1},
}};
// One decoder on 1g is go-nvml's word for the 80 GB part; the guide's table, with none, describes the 40 GB part.
constexpr std::array<Engines, 6> a100_80gb_engines{{
    {.copy = 1, .nvdec = 1},
    {.copy = 1, .nvdec = 1},
    {.copy = 2, .nvdec = 1},
    {.copy = 3, .nvdec = 2},
    {.copy = 4, .nvdec = 2},
    {.copy = 7, .nvdec = 5, .jpeg = 1, .ofa = 1},
}};
constexpr Engines a100_media_engines{.copy = 1, .nvdec = 1, .jpeg = 1, .ofa = 1};

// clang-format off
// 1g's video decoder depends on the driver: the guide says none, a real -lgip printed one. 4g's memory is an estimate.
std::vector<MigProfile> a30_profiles() {
  return {
      {.name = "1g.6gb", .compute_slices = 1, .memory_units = 1, .starts = {0, 1, 2, 3}, .memory_mib = 5952, .max_instances = 4,
       .sm_count = 14, .copy_engines = 1, .nvdec = 1, .nvenc = 0, .jpeg = 0, .ofa = 0, .confidence = Confidence::high, .source = "S1 S3 S9"},
      {.name = "1g.6gb+me", .compute_slices = 1, .memory_units = 1, .starts = {0, 1, 2, 3}, .memory_mib = 5952, .max_instances = 1,
       .sm_count = 14, .copy_engines = 1, .nvdec = 1, .nvenc = 0, .jpeg = 1, .ofa = 1, .confidence = Confidence::high, .source = "S1 S3 S9"},
      {.name = "2g.12gb", .compute_slices = 2, .memory_units = 2, .starts = {0, 2}, .memory_mib = 11968, .max_instances = 2,
       .sm_count = 28, .copy_engines = 2, .nvdec = 2, .nvenc = 0, .jpeg = 0, .ofa = 0, .confidence = Confidence::high, .source = "S1 S3 S9"},
      {.name = "2g.12gb+me", .compute_slices = 2, .memory_units = 2, .starts = {0, 2}, .memory_mib = 11968, .max_instances = 1,
       .sm_count = 28, .copy_engines = 2, .nvdec = 2, .nvenc = 0, .jpeg = 1, .ofa = 1, .confidence = Confidence::high, .source = "S1 S3 S9"},
      {.name = "4g.24gb", .compute_slices = 4, .memory_units = 4, .starts = {0}, .memory_mib = 23904, .max_instances = 1,
       .sm_count = 56, .copy_engines = 4, .nvdec = 4, .nvenc = 0, .jpeg = 1, .ofa = 1, .confidence = Confidence::medium, .source = "S1 S3 S9"},
  };
}
// clang-format on

}  // namespace

std::vector<GpuModel> ampere_rows() {
  return {
      {.name = "A30-24GB",
       .aliases = {"A30", "NVIDIA A30", "NVIDIA-A30"},
       .architecture = "Ampere GA100",
       .memory_mib = 24576,
       .sm_count = 56,
       .sm_count_in_mig = 56,
       .compute_slices = 4,
       .placement_units = 4,
       .mig_toggle_needs_reset = true,
       .profiles = a30_profiles(),
       .confidence = Confidence::high,
       .source = "S1 S3 S4 S9"},
      {.name = "A100-40GB",
       .aliases = {"NVIDIA A100-SXM4-40GB", "NVIDIA-A100-SXM4-40GB", "A100-SXM4-40GB", "NVIDIA A100-PCIE-40GB",
                   "NVIDIA-A100-PCIE-40GB", "A100-PCIE-40GB", "A800-40GB"},
       .architecture = "Ampere GA100",
       .memory_mib = 40960,
       .sm_count = 108,
       .sm_count_in_mig = 98,
       .compute_slices = 7,
       .placement_units = 8,
       .mig_toggle_needs_reset = true,
       .profiles = seven_slice_profiles({.names = {"1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"},
                                         .media_name = "1g.5gb+me",
                                         .memory_mib = {4864, 9856, 9856, 19968, 19968, 40192},
                                         .sm_count = ga100_sm_count,
                                         .engines = a100_40gb_engines,
                                         .media_engines = a100_media_engines,
                                         .confidence = Confidence::high,
                                         .source = "S1 S2 S3"}),
       .confidence = Confidence::high,
       .source = "S1 S2 S3 S4"},
      // "A800" alone is the 80 GB part: that is what the traces which name it mean.
      {.name = "A100-80GB",
       .aliases = {"NVIDIA A100-SXM4-80GB", "NVIDIA-A100-SXM4-80GB", "A100-SXM4-80GB", "NVIDIA A100 80GB PCIe",
                   "NVIDIA-A100-80GB-PCIe", "NVIDIA A800-SXM4-80GB", "NVIDIA-A800-SXM4-80GB", "A800-SXM4-80GB",
                   "NVIDIA A800 80GB PCIe", "NVIDIA-A800-80GB-PCIe", "A800-80GB", "A800"},
       .architecture = "Ampere GA100",
       .memory_mib = 81920,
       .sm_count = 108,
       .sm_count_in_mig = 98,
       .compute_slices = 7,
       .placement_units = 8,
       .mig_toggle_needs_reset = true,
       .profiles = seven_slice_profiles({.names = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"},
                                         .media_name = "1g.10gb+me",
                                         .memory_mib = {9856, 19968, 19968, 40192, 40192, 80384},
                                         .sm_count = ga100_sm_count,
                                         .engines = a100_80gb_engines,
                                         .media_engines = a100_media_engines,
                                         .confidence = Confidence::high,
                                         .source = "S1 S2 S3"}),
       .confidence = Confidence::high,
       .source = "S1 S3 S4"},
  };
}

}  // namespace gpusched::detail
