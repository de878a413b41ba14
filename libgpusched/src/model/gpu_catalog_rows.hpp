#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "gpusched/model/gpu_model.hpp"

namespace gpusched::detail {

/// The rows of one family, in catalogue order. Sources of the numbers: docs/models/gpu-catalog.md.
std::vector<GpuModel> ampere_rows();
std::vector<GpuModel> hopper_rows();
std::vector<GpuModel> blackwell_rows();
std::vector<GpuModel> blackwell_rtx_rows();
std::vector<GpuModel> rows_without_mig();

/// Fixed-function engines of an instance.
struct Engines {
  int copy = 0, nvdec = 0, nvenc = 0, jpeg = 0, ofa = 0;
};

/// What differs between the seven-slice parts, in the order 1g, 1g with double memory, 2g, 3g, 4g, 7g.
/// Their placements are the same on all of them and stand once, in seven_slice_profiles().
struct SevenSlice {
  std::array<std::string_view, 6> names{};
  std::string_view media_name{};  ///< 1g+me: the 1g instance with OFA and one JPEG and video decoder at least
  std::array<std::optional<std::int64_t>, 6> memory_mib{};
  std::array<std::optional<int>, 6> sm_count{};
  std::array<Engines, 6> engines{};
  Engines media_engines{};
  Confidence confidence = Confidence::low;
  std::string_view source{};
};
std::vector<MigProfile> seven_slice_profiles(const SevenSlice& part);

/// Every model of one vector per family, labels of the profiles filled in from their names.
std::vector<GpuModel> all_rows();

}  // namespace gpusched::detail
