#include "gpusched/profiler/observation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace gpusched::profiler {

namespace {

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

template <typename T>
void raise(std::optional<T>& largest, const std::optional<T>& value) {
  if (value && (!largest || *value > *largest)) {
    largest = value;
  }
}

/// Values of one field over the samples that count.
class Column {
 public:
  template <typename T>
  void add(const std::optional<T>& value) {
    if (value) {
      values_.push_back(static_cast<double>(*value));
    }
  }
  std::optional<Activity> activity() const { return summarise(values_); }
  std::optional<double> mean() const { return values_.empty() ? std::nullopt : std::optional(mean_of(values_)); }

 private:
  std::vector<double> values_;
};

struct Columns {
  Column engine, sm, dram, tensor, occupancy, utilization, pcie_tx, pcie_rx, power, sm_clock, memory_clock;

  void add(const DeviceSample& sample) {
    engine.add(sample.engine_active);
    dram.add(sample.dram_active);
    tensor.add(sample.tensor_active);
    occupancy.add(sample.sm_occupancy);
    utilization.add(sample.gpu_utilization);
    pcie_tx.add(sample.pcie_tx_mib_s);
    pcie_rx.add(sample.pcie_rx_mib_s);
    power.add(sample.power_w);
    sm_clock.add(sample.sm_clock_mhz);
    memory_clock.add(sample.memory_clock_mhz);
    // GPM's is a mean over all time; profiles ask for the time in which a kernel is resident.
    if (sample.sm_active && sample.engine_active && *sample.engine_active > 0) {
      sm.add(std::optional(std::min(1.0, *sample.sm_active / *sample.engine_active)));
    }
  }
};

}  // namespace

std::optional<Activity> summarise(std::span<const double> values) {
  if (values.empty()) {
    return std::nullopt;
  }
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto quantile = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(sorted.size()));
    return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  // The sum may round a mean of ones beyond one.
  return Activity{.mean = std::min(1.0, mean_of(sorted)),
                  .p50 = quantile(0.5),
                  .p90 = quantile(0.9),
                  .p95 = quantile(0.95),
                  .p99 = quantile(0.99)};
}

Observation observe(std::span<const DeviceSample> samples) {
  Observation result;
  result.samples = static_cast<std::int64_t>(samples.size());
  if (samples.empty()) {
    return result;
  }
  result.duration_s = static_cast<double>(samples.back().at - samples.front().at) / static_cast<double>(ns_per_s);
  Columns columns;
  std::int64_t decided = 0;
  // Counters come at a lower rate than the rest. The utilisation must not stand in between: it is a mean over up to a
  // second.
  const bool by_counters = std::any_of(samples.begin(), samples.end(),
                                       [](const DeviceSample& sample) { return sample.engine_active.has_value(); });
  for (const DeviceSample& sample : samples) {
    raise(result.memory_peak_mib, sample.job_memory_mib);
    raise(result.device_memory_peak_mib, sample.memory_used_mib);
    raise(result.temperature_c, sample.temperature_c);
    result.processes = std::max(result.processes, sample.job_processes.value_or(0));
    result.other_processes = std::max(result.other_processes, sample.other_processes.value_or(0));
    result.power_capped_samples += is_power_capped(sample);
    if (is_throttled(sample)) {
      ++result.throttled_samples;
      continue;
    }
    const std::optional<bool> working = is_working(sample, by_counters);
    decided += working.has_value();
    if (working.value_or(false)) {
      ++result.working_samples;
      columns.add(sample);
    }
  }
  if (decided > 0) {
    result.duty_cycle = static_cast<double>(result.working_samples) / static_cast<double>(decided);
  }
  result.engine_active = columns.engine.activity();
  result.sm_active = columns.sm.activity();
  result.dram_active = columns.dram.activity();
  result.tensor_active = columns.tensor.activity();
  result.sm_occupancy = columns.occupancy.activity();
  result.gpu_utilization = columns.utilization.activity();
  result.pcie_tx_mib_s = columns.pcie_tx.mean();
  result.pcie_rx_mib_s = columns.pcie_rx.mean();
  result.power_w = columns.power.mean();
  result.sm_clock_mhz = columns.sm_clock.mean();
  result.memory_clock_mhz = columns.memory_clock.mean();
  const DeviceSample &first = samples.front(), &last = samples.back();
  if (first.energy_j && last.energy_j && *last.energy_j >= *first.energy_j) {
    result.energy_j = *last.energy_j - *first.energy_j;
  }
  if (first.ecc_uncorrected && last.ecc_uncorrected && *last.ecc_uncorrected >= *first.ecc_uncorrected) {
    result.ecc_uncorrected = static_cast<std::int64_t>(*last.ecc_uncorrected - *first.ecc_uncorrected);
  }
  return result;
}

}  // namespace gpusched::profiler
