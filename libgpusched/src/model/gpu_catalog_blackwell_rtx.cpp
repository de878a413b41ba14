#include "model/gpu_catalog_rows.hpp"

namespace gpusched::detail {

namespace {

// clang-format off
std::vector<MigProfile> rtx_pro_6000_profiles() {
  return {
      {.name = "1g.24gb", .compute_slices = 1, .memory_units = 3, .starts = {0, 3, 6, 9}, .memory_mib = 24192, .max_instances = 4,
       .sm_count = 46, .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "1g.24gb+me", .compute_slices = 1, .memory_units = 3, .starts = {0, 3, 6, 9}, .memory_mib = 24192, .max_instances = 1,
       .sm_count = 46, .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 1, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "1g.24gb+gfx", .compute_slices = 1, .memory_units = 3, .starts = {0, 3, 6, 9}, .memory_mib = 24192, .max_instances = 4,
       .sm_count = 46, .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "1g.24gb+me.all", .compute_slices = 1, .memory_units = 3, .starts = {0, 3, 6, 9}, .memory_mib = 24192, .max_instances = 1,
       .sm_count = 46, .copy_engines = 1, .nvdec = 4, .nvenc = 4, .jpeg = 4, .ofa = 1, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "1g.24gb-me", .compute_slices = 1, .memory_units = 3, .starts = {0, 3, 6, 9}, .memory_mib = 24192, .max_instances = 4,
       .sm_count = 46, .copy_engines = 1, .nvdec = 0, .nvenc = 0, .jpeg = 0, .ofa = 0, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "2g.48gb", .compute_slices = 2, .memory_units = 6, .starts = {0, 6}, .memory_mib = 48512, .max_instances = 2,
       .sm_count = 94, .copy_engines = 2, .nvdec = 2, .nvenc = 2, .jpeg = 2, .ofa = 0, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "2g.48gb+gfx", .compute_slices = 2, .memory_units = 6, .starts = {0, 6}, .memory_mib = 48512, .max_instances = 2,
       .sm_count = 94, .copy_engines = 2, .nvdec = 2, .nvenc = 2, .jpeg = 2, .ofa = 0, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "2g.48gb+me.all", .compute_slices = 2, .memory_units = 6, .starts = {0, 6}, .memory_mib = 48512, .max_instances = 1,
       .sm_count = 94, .copy_engines = 2, .nvdec = 4, .nvenc = 4, .jpeg = 4, .ofa = 1, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "2g.48gb-me", .compute_slices = 2, .memory_units = 6, .starts = {0, 6}, .memory_mib = 48512, .max_instances = 2,
       .sm_count = 94, .copy_engines = 2, .nvdec = 0, .nvenc = 0, .jpeg = 0, .ofa = 0, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "4g.96gb", .compute_slices = 4, .memory_units = 12, .starts = {0}, .memory_mib = 97408, .max_instances = 1,
       .sm_count = 188, .copy_engines = 4, .nvdec = 4, .nvenc = 4, .jpeg = 4, .ofa = 1, .confidence = Confidence::high, .source = "S1 S8"},
      {.name = "4g.96gb+gfx", .compute_slices = 4, .memory_units = 12, .starts = {0}, .memory_mib = 97408, .max_instances = 1,
       .sm_count = 188, .copy_engines = 4, .nvdec = 4, .nvenc = 4, .jpeg = 4, .ofa = 1, .confidence = Confidence::high, .source = "S1 S8"},
  };
}

std::vector<MigProfile> rtx_pro_5000_profiles() {
  return {
      {.name = "1g.24gb", .compute_slices = 1, .max_instances = 2,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 0, .ofa = 0, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.24gb+me", .compute_slices = 1, .max_instances = 1,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.24gb+gfx", .compute_slices = 1, .max_instances = 2,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 0, .ofa = 0, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.24gb+me.all", .compute_slices = 1, .max_instances = 1,
       .copy_engines = 1, .nvdec = 3, .nvenc = 3, .jpeg = 1, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.24gb-me", .compute_slices = 1, .max_instances = 2,
       .copy_engines = 1, .nvdec = 0, .nvenc = 0, .jpeg = 0, .ofa = 0, .confidence = Confidence::medium, .source = "S1"},
      {.name = "2g.48gb", .compute_slices = 2, .max_instances = 1,
       .copy_engines = 4, .nvdec = 3, .nvenc = 3, .jpeg = 1, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
      {.name = "2g.48gb+gfx", .compute_slices = 2, .max_instances = 1,
       .copy_engines = 4, .nvdec = 3, .nvenc = 3, .jpeg = 1, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
  };
}

std::vector<MigProfile> rtx_pro_4500_profiles() {
  return {
      {.name = "1g.16gb", .compute_slices = 1, .max_instances = 2,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.16gb+gfx", .compute_slices = 1, .max_instances = 2,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.16gb+me.all", .compute_slices = 1, .max_instances = 1,
       .copy_engines = 1, .nvdec = 3, .nvenc = 3, .jpeg = 2, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
      {.name = "1g.16gb-me", .compute_slices = 1, .max_instances = 2,
       .copy_engines = 1, .nvdec = 0, .nvenc = 0, .jpeg = 0, .ofa = 0, .confidence = Confidence::medium, .source = "S1"},
      {.name = "2g.32gb", .compute_slices = 2, .max_instances = 1,
       .copy_engines = 2, .nvdec = 3, .nvenc = 3, .jpeg = 2, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
      {.name = "2g.32gb+gfx", .compute_slices = 2, .max_instances = 1,
       .copy_engines = 2, .nvdec = 3, .nvenc = 3, .jpeg = 2, .ofa = 1, .confidence = Confidence::medium, .source = "S1"},
  };
}

std::vector<MigProfile> thor_profiles() {
  return {
      {.name = "1g.0gb", .compute_slices = 1, .max_instances = 1,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::low, .source = "S1"},
      {.name = "1g.0gb+me", .compute_slices = 1, .max_instances = 1,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 1, .confidence = Confidence::low, .source = "S1"},
      {.name = "1g.0gb+gfx", .compute_slices = 1, .max_instances = 1,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::low, .source = "S1"},
      {.name = "2g.0gb", .compute_slices = 2, .max_instances = 1,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::low, .source = "S1"},
      {.name = "2g.0gb+gfx", .compute_slices = 2, .max_instances = 1,
       .copy_engines = 1, .nvdec = 1, .nvenc = 1, .jpeg = 1, .ofa = 0, .confidence = Confidence::low, .source = "S1"},
      {.name = "3g.0gb", .compute_slices = 3, .max_instances = 1,
       .copy_engines = 1, .nvdec = 2, .nvenc = 2, .jpeg = 2, .ofa = 1, .confidence = Confidence::low, .source = "S1"},
      {.name = "3g.0gb+gfx", .compute_slices = 3, .max_instances = 1,
       .copy_engines = 1, .nvdec = 2, .nvenc = 2, .jpeg = 2, .ofa = 1, .confidence = Confidence::low, .source = "S1"},
  };
}
// clang-format on

constexpr std::string_view unknown_placements =
    "NVIDIA publishes no placements for it; the output of `nvidia-smi mig -lgipp` from one such GPU would complete its "
    "row";

}  // namespace

std::vector<GpuModel> blackwell_rtx_rows() {
  return {
      // A slice is three placement units here. +me.all leaves room only for -me profiles, which the lattice does not
      // know.
      {.name = "RTX-PRO-6000-Blackwell-96GB",
       .aliases = {"NVIDIA RTX PRO 6000 Blackwell Server Edition", "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition",
                   "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
                   "NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition",
                   "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
                   "NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition"},
       .architecture = "Blackwell GB202",
       .memory_mib = 97887,
       .sm_count = 188,
       .sm_count_in_mig = 188,
       .compute_slices = 4,
       .placement_units = 12,
       .profiles = rtx_pro_6000_profiles(),
       .confidence = Confidence::high,
       .source = "S1 S4 S8 S17"},
      {.name = "RTX-PRO-5000-Blackwell-48GB",
       .aliases = {"NVIDIA RTX PRO 5000 Blackwell", "NVIDIA-RTX-PRO-5000-Blackwell"},
       .architecture = "Blackwell GB202",
       .sm_count = 110,
       .compute_slices = 2,
       .profiles = rtx_pro_5000_profiles(),
       .confidence = Confidence::medium,
       .source = "S1",
       .mig_refusal = unknown_placements},
      {.name = "RTX-PRO-4500-Blackwell-32GB",
       .aliases = {"NVIDIA RTX PRO 4500 Blackwell", "NVIDIA-RTX-PRO-4500-Blackwell"},
       .architecture = "Blackwell GB203",
       .compute_slices = 2,
       .profiles = rtx_pro_4500_profiles(),
       .confidence = Confidence::medium,
       .source = "S1",
       .mig_refusal = unknown_placements},
      {.name = "Thor-iGPU",
       .aliases = {"Thor iGPU GB10B", "NVIDIA Thor", "NVIDIA-Thor"},
       .architecture = "Blackwell GB10B",
       .sm_count = 20,
       .compute_slices = 3,
       .profiles = thor_profiles(),
       .confidence = Confidence::low,
       .source = "S1",
       .mig_refusal = unknown_placements},
  };
}

}  // namespace gpusched::detail
