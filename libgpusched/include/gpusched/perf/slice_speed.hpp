#pragma once

#include <cstdint>

#include "gpusched/base/ids.hpp"
#include "gpusched/model/gpu_model.hpp"
#include "gpusched/model/job_profile.hpp"
#include "gpusched/perf/perf_constants.hpp"

namespace gpusched {

/// What a MIG instance has of its GPU.
struct SliceFractions {
  double compute = 1;  ///< c: compute slices over those of the GPU
  double memory = 1;   ///< q: placement units, and with them bandwidth, over those of the GPU
};

/// Contract: the model has a lattice.
SliceFractions slice_fractions(const GpuModel& model, const MigProfile& profile);

// Slowdowns K of a job alone on an instance against alone on the largest instance, at least 1.

/// Closed jobs, from the activities on the whole GPU: the host's part stays, the memory's part grows by 1/q, the rest
/// by a power of 1/c.
double training_slice_slowdown(double engine_active, double dram_active, SliceFractions slice,
                               const PerfConstants& constants);

/// Requests, without a measurement on a slice: max(1, w/c, m/q).
double inference_slice_slowdown(double sm_active, double dram_active, SliceFractions slice);

/// Requests, from one measured slice: T(s) = max(T(7), T(1)/s). Arguments are compute fractions.
double two_point_slice_slowdown(double measured_slowdown, double measured_compute, double compute);

/// K of a job on an instance against the whole GPU with MIG off, in thousandths: as measured where it was measured on
/// this GPU model, else by the law of its kind times the MIG tax. The only power is taken here, once per (job profile,
/// MIG profile), and rounding takes away in what C libraries differ. Contract: the model has a lattice.
std::int64_t slice_slowdown_milli(const JobProfile& job, GpuModelId model, MigProfileId profile,
                                  const PerfConstants& constants);

}  // namespace gpusched
