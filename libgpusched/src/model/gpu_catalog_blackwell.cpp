#include "model/gpu_catalog_rows.hpp"

namespace gpusched::detail {

namespace {

// 18 SMs for 1g were seen on hardware. The other sizes are unknown: mocks multiply, which was wrong for GH100.
constexpr std::array<Engines, 6> gb100_engines{{
    {.copy = 2, .nvdec = 1, .jpeg = 1},
    {.copy = 2, .nvdec = 1, .jpeg = 1},
    {.copy = 3, .nvdec = 1, .jpeg = 1},
    {.copy = 6, .nvdec = 1, .jpeg = 1},
    {.copy = 8, .nvdec = 1, .jpeg = 1},
    {.copy = 16, .nvdec = 1, .jpeg = 1, .ofa = 1},
}};
constexpr Engines gb100_media_engines{.copy = 2, .nvdec = 1, .jpeg = 1, .ofa = 1};

}  // namespace

std::vector<GpuModel> blackwell_rows() {
  return {
      // Instance memory is the name's number times 1024, not a reading.
      {.name = "B200-180GB",
       .aliases = {"NVIDIA B200", "NVIDIA-B200", "B200"},
       .architecture = "Blackwell GB100",
       .memory_mib = 183359,
       .sm_count = 148,
       .compute_slices = 7,
       .placement_units = 8,
       .profiles =
           seven_slice_profiles({.names = {"1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"},
                                 .media_name = "1g.23gb+me",
                                 .memory_mib = {23040, 46080, 46080, 92160, 92160, 184320},
                                 .sm_count = {18, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
                                 .engines = gb100_engines,
                                 .media_engines = gb100_media_engines,
                                 .confidence = Confidence::medium,
                                 .source = "S1 S4 S10 S11 S14"}),
       .confidence = Confidence::medium,
       .source = "S1 S4 S10 S11 S14"},
      // Names depend on the driver: the GPU Operator also lists 1g.24gb, 1g.47gb, 2g.47gb, 3g.95gb, 4g.95gb, 7g.189gb.
      {.name = "GB200-186GB",
       .aliases = {"NVIDIA GB200", "NVIDIA-GB200", "GB200"},
       .architecture = "Blackwell GB100",
       .memory_mib = 189471,
       .sm_count = 152,
       .compute_slices = 7,
       .placement_units = 8,
       .profiles =
           seven_slice_profiles({.names = {"1g.23gb", "1g.47gb", "2g.47gb", "3g.93gb", "4g.93gb", "7g.186gb"},
                                 .media_name = "1g.23gb+me",
                                 .memory_mib = {23808, 47616, 47616, 95232, 95232, 190464},
                                 .sm_count = {18, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
                                 .engines = gb100_engines,
                                 .media_engines = gb100_media_engines,
                                 .confidence = Confidence::low,
                                 .source = "S4 S10 S11 S13"}),
       .confidence = Confidence::low,
       .source = "S4 S10 S11 S13"},
      {.name = "B300-270GB",
       .aliases = {"NVIDIA B300 SXM6 AC", "NVIDIA-B300-SXM6-AC", "B300"},
       .architecture = "Blackwell Ultra",
       .sm_count = 148,
       .compute_slices = 7,
       .placement_units = 8,
       .profiles = seven_slice_profiles(
           {.names = {"1g.34gb", "1g.67gb", "2g.67gb", "3g.135gb", "4g.135gb", "7g.269gb"},
            .media_name = "1g.34gb+me",
            .memory_mib = {34560, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
            .sm_count = {18, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
            .engines = gb100_engines,
            .media_engines = gb100_media_engines,
            .confidence = Confidence::low,
            .source = "S4 S11 S13 S14 S18"}),
       .confidence = Confidence::low,
       .source = "S4 S11 S13 S14 S18"},
      // Drivers 61x call the same instances 1g.31gb, 3g.126gb, 4g.126gb, 7g.251gb on DGX Station, where moreover only
      // three 1g
      // could be created although seven were announced: read the placements from NVML on that board.
      {.name = "GB300-278GB",
       .aliases = {"NVIDIA GB300", "NVIDIA-GB300", "GB300"},
       .architecture = "Blackwell Ultra",
       .compute_slices = 7,
       .placement_units = 8,
       .profiles =
           seven_slice_profiles({.names = {"1g.35gb", "1g.70gb", "2g.70gb", "3g.139gb", "4g.139gb", "7g.278gb"},
                                 .media_name = "1g.35gb+me",
                                 .memory_mib = {35584, 71168, 71168, 142336, 142336, 284672},
                                 .sm_count = {18, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt},
                                 .engines = gb100_engines,
                                 .media_engines = gb100_media_engines,
                                 .confidence = Confidence::low,
                                 .source = "S4 S10 S11 S12"}),
       .confidence = Confidence::low,
       .source = "S4 S10 S11 S12"},
  };
}

}  // namespace gpusched::detail
