#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "gpusched/base/ids.hpp"

namespace gpusched {

/// How well a number of the catalogue is known.
enum class Confidence { low, medium, high };

/// A hardware range of one GPU, in NVML placement units (nvmlGpuInstancePlacement_t).
struct SliceRange {
  std::int16_t start = 0;
  std::int16_t size = 0;

  friend constexpr bool operator==(SliceRange, SliceRange) = default;
  /// Occupied units as bits, bit i = unit i.
  constexpr std::uint16_t mask() const { return static_cast<std::uint16_t>(((1U << size) - 1U) << start); }
};

/// One MIG profile of one GPU model, as `nvidia-smi mig -lgip` lists it. Unknown counts are nullopt.
struct MigProfile {
  std::string_view name{};  ///< NVIDIA's name, "1g.10gb+me"
  int compute_slices = 0;
  int memory_units = 0;                      ///< size of a placement, in placement units
  std::vector<std::int16_t> starts{};        ///< legal first units, ascending; empty when unknown
  std::optional<std::int64_t> memory_mib{};  ///< usable memory of an instance
  std::optional<int> max_instances{};        ///< per GPU
  std::optional<int> sm_count{}, copy_engines{}, nvdec{}, nvenc{}, jpeg{}, ofa{};
  bool media_extensions = false;      ///< +me: at most one per GPU
  bool all_media_extensions = false;  ///< +me.all: one, and only -me profiles beside it
  bool no_media_extensions = false;   ///< -me
  bool graphics = false;              ///< +gfx
  Confidence confidence = Confidence::low;
  std::string_view source{};  ///< keys of the model's source list

  /// True for a profile that is a capped label on the instance of another profile (+me, +me.all, -me, +gfx).
  bool is_label() const { return media_extensions || all_media_extensions || no_media_extensions || graphics; }
};

/// One row of the catalogue: what NVIDIA ships.
struct GpuModel {
  std::string_view name{};                  ///< ours, stable: "H100-80GB-SXM5"
  std::vector<std::string_view> aliases{};  ///< names in traces, NVML, GFD labels: "NVIDIA H100 80GB HBM3", "V100M16"
  std::string_view architecture{};
  std::optional<std::int64_t> memory_mib{};
  std::optional<int> sm_count{};         ///< MIG off
  std::optional<int> sm_count_in_mig{};  ///< available to instances with MIG on
  int compute_slices = 0;                ///< 0: no MIG
  int placement_units = 0;               ///< 0: no MIG, or placements unknown
  bool mig_toggle_needs_reset = false;   ///< Ampere
  std::vector<MigProfile> profiles{};    ///< empty: no MIG
  Confidence confidence = Confidence::low;
  std::string_view source{};
  std::string_view mig_refusal{};  ///< why MIG cannot be scheduled on this model; empty when it can

  bool has_lattice() const { return mig_refusal.empty(); }
};

}  // namespace gpusched
