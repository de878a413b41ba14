#pragma once

#include <cstdint>
#include <optional>

#include "gpusched/base/units.hpp"

namespace gpusched::profiler {

/// One reading of one GPU or MIG instance. What could not be read is unknown, never zero.
/// Of an instance nothing is given that NVML knows of its whole GPU only: rates of utilisation, power, energy, clocks,
/// temperature, ECC. The clock reasons are the exception: they are conditions that all instances of a GPU share.
struct DeviceSample {
  TimeNs at = 0;  ///< since the sampling began

  std::optional<double> gpu_utilization{};     ///< share of time in which any kernel ran, over NVML's own 1/6 to 1 s
  std::optional<double> memory_utilization{};  ///< share of time in which memory was read or written, likewise
  std::optional<std::int64_t> memory_used_mib{};
  std::optional<double> power_w{};
  std::optional<double> energy_j{};  ///< a counter
  std::optional<int> sm_clock_mhz{}, memory_clock_mhz{};
  std::optional<std::uint64_t> clock_reasons{};  ///< nvmlClocksEventReason* bits
  std::optional<int> temperature_c{};
  std::optional<std::uint64_t> ecc_corrected{}, ecc_uncorrected{};  ///< counters since the driver was loaded

  // GPM, Hopper and later: means since the reading before, 0..1; PCIe in MiB per second as seen from the GPU.
  std::optional<double> engine_active{}, sm_active{}, sm_occupancy{}, tensor_active{}, dram_active{};
  std::optional<double> pcie_tx_mib_s{}, pcie_rx_mib_s{};

  // Processes with a compute context on the device, MPS clients included.
  std::optional<int> job_processes{}, other_processes{};
  std::optional<std::int64_t> job_memory_mib{};  ///< of the job's processes together, contexts included

  friend bool operator==(const DeviceSample&, const DeviceSample&) = default;
};

/// True when heat or the hardware held the clocks down, so that the job ran slower than it does on a healthy GPU. The
/// software power cap is not among the reasons: a job that draws more than the GPU's limit meets it everywhere.
bool is_throttled(const DeviceSample& sample);

/// True when the clocks were held at the GPU's power limit.
bool is_power_capped(const DeviceSample& sample);

/// True when a kernel ran in at least a hundredth of the time, by the counters (engine_active) or by NVML's
/// utilisation; nullopt where that is unknown.
std::optional<bool> is_working(const DeviceSample& sample, bool by_counters);

}  // namespace gpusched::profiler
