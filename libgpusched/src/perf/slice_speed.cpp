#include "gpusched/perf/slice_speed.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "gpusched/base/check.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

/// The slowdown and the compute fraction of the smallest instance on which the job was measured.
struct MeasuredSlice {
  double slowdown = 1;
  double compute = 1;
};

std::optional<MeasuredSlice> smallest_measured(const JobProfile& job, const GpuModel& model) {
  std::optional<MeasuredSlice> smallest;
  for (const MigProfile& profile : model.profiles) {
    const std::optional<double> speed = measured_speed(job, profile.name);
    const double compute = slice_fractions(model, profile).compute;
    if (speed && (!smallest || compute < smallest->compute)) {
      smallest = MeasuredSlice{.slowdown = 1 / *speed, .compute = compute};
    }
  }
  return smallest;
}

double slice_slowdown(const JobProfile& job, GpuModelId model_id, MigProfileId profile_id,
                      const PerfConstants& constants) {
  const GpuModel& model = gpu_model(model_id);
  const MigProfile& profile = model.profiles[profile_id.value];
  const SliceFractions slice = slice_fractions(model, profile);
  const bool measured_here = job.gpu_model == model_id;
  if (measured_here) {
    if (const std::optional<double> speed = measured_speed(job, profile.name)) {
      return 1 / *speed;
    }
  }
  if (job.kind == JobKind::closed) {
    return constants.mig_tax * training_slice_slowdown(job.engine_active.mean, job.dram_active.mean, slice, constants);
  }
  if (measured_here) {
    if (const std::optional<MeasuredSlice> known = smallest_measured(job, model)) {
      // The measured slowdown holds the tax already.
      return std::max(constants.mig_tax, two_point_slice_slowdown(known->slowdown, known->compute, slice.compute));
    }
  }
  // A job of unknown width may fill the GPU.
  const double sm_active = job.sm_active ? job.sm_active->mean : 1;
  return constants.mig_tax * inference_slice_slowdown(sm_active, job.dram_active.mean, slice);
}

}  // namespace

SliceFractions slice_fractions(const GpuModel& model, const MigProfile& profile) {
  GPUSCHED_CHECK(model.has_lattice(), "the model has no lattice");
  return {.compute = static_cast<double>(profile.compute_slices) / model.compute_slices,
          .memory = static_cast<double>(profile.memory_units) / model.placement_units};
}

double training_slice_slowdown(double engine_active, double dram_active, SliceFractions slice,
                               const PerfConstants& constants) {
  const double host = 1 - engine_active;
  const double latency_bound = std::max(0.0, engine_active - dram_active);
  const double slowdown =
      host + constants.latency_weight * latency_bound / std::pow(slice.compute, constants.latency_exponent) +
      dram_active / slice.memory;
  return std::max(1.0, slowdown);
}

double inference_slice_slowdown(double sm_active, double dram_active, SliceFractions slice) {
  return std::max({1.0, sm_active / slice.compute, dram_active / slice.memory});
}

double two_point_slice_slowdown(double measured_slowdown, double measured_compute, double compute) {
  return std::max(1.0, measured_slowdown * measured_compute / compute);
}

std::int64_t slice_slowdown_milli(const JobProfile& job, GpuModelId model, MigProfileId profile,
                                  const PerfConstants& constants) {
  return to_milli(slice_slowdown(job, model, profile, constants));
}

}  // namespace gpusched
