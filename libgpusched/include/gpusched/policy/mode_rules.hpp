#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/cluster/gpu_state.hpp"
#include "gpusched/perf/perf_constants.hpp"

namespace gpusched {

/// The ways to give a job a GPU, or a part of one.
enum class ModeKind : std::uint8_t { whole, mig, time_slice, mps, time_sliced_mig };
inline constexpr std::size_t mode_kind_count = 5;

/// "whole", "mig", "time_slice", "mps", "time_sliced_mig".
std::string_view to_string(ModeKind mode);

/// A set of modes, bit i = ModeKind i.
using ModeSet = std::uint8_t;
constexpr ModeSet mode_bit(ModeKind mode) { return static_cast<ModeSet>(1U << static_cast<unsigned>(mode)); }
inline constexpr ModeSet all_modes = 0x1f;

/// What may keep a job off a shared GPU besides the number of tenants.
enum class ModeGuard : std::uint8_t {
  none,      ///< nothing: the first to overrun the device's memory is killed
  memory,    ///< the footprints and their contexts must fit
  slowdown,  ///< memory, and the predicted slowdown of the newcomer and of everybody there stays within what they
             ///< tolerate
};

/// Whether MIG instances are created on demand or lie where they were cut once.
enum class MigLayout : std::uint8_t { dynamic, balanced, smallest, mixed };

/// Constants of the cost of a candidate, in GPU equivalents. Origin: docs/policies/auto.md.
struct ModeWeights {
  double wholeness = 0.15;      ///< w7: value of an idle GPU that is lost as soon as it is cut or opened
  double mig_linear = 0.85;     ///< share of a cut GPU's value that counts free slices; the rest counts what still fits
  double spread = 0.2;          ///< share of a tenant's spread that counts as load of its GPU
  double delay = 0.5;           ///< times setup time over expected duration
  double mps_bonus = 0.15;      ///< MPS goes first where it is allowed
  double instance_room = 0.85;  ///< value of the room left on a time-sliced instance, against as much on a shared GPU
  double margin = 1.0;          ///< of the tolerated slowdown that may be used up by prediction

  friend bool operator==(const ModeWeights&, const ModeWeights&) = default;
};

/// Seconds until a partition can be used. Sources: docs/policies/auto.md.
struct ModeDelays {
  double mig_toggle_s = 30;  ///< MIG mode of an idle GPU
  double create_s = 5;       ///< a MIG instance, or opening a GPU for time slicing or MPS

  friend bool operator==(const ModeDelays&, const ModeDelays&) = default;
};

/// GPUs set apart for some modes. Pools take GPUs in node order, one after the other.
struct ModePool {
  std::int64_t gpus = 0;  ///< 0: all that are left
  ModeSet modes = all_modes;
};

/// How a policy chooses the mode of jobs that state intent. Data: the engine carries it out.
struct ModeRules {
  ModeWeights weights;
  ModeDelays delays;
  PerfConstants perf;
  std::array<ModeSet, 5> modes_of_class = {all_modes, all_modes, all_modes, all_modes, all_modes};  ///< by JobClass
  std::int32_t time_slice_tenants = 8;
  std::int32_t mps_tenants = 8;
  std::int32_t instance_tenants = most_turn_takers;  ///< of a time-sliced MIG instance
  ModeGuard guard = ModeGuard::slowdown;
  bool respects_trust = true;  ///< MPS inside one trust domain only
  bool shares_first = false;   ///< a job that may share takes a whole GPU only where nothing else is left
  bool spreads = false;        ///< a job joins the emptiest shared GPU instead of the one that loses least
  MigLayout layout = MigLayout::dynamic;
  /// A job waits while its class got more than this share above a class that waits. 1 or more: never.
  double class_lead = 1;
  std::vector<ModePool> pools = {{}};

  /// Of a GPU, or an instance, shared in this mode.
  std::int32_t most_tenants(ModeKind mode) const {
    return mode == ModeKind::mps ? mps_tenants : mode == ModeKind::time_slice ? time_slice_tenants : instance_tenants;
  }
};

}  // namespace gpusched
