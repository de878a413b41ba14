#pragma once

#include <string>

#include "gpusched/profiler/observation.hpp"
#include "gpusched/profiler/suite/measurement_runner.hpp"

namespace gpusched::profiler {

/// Samples GPU 0 through NVML while measurements run: activities, clocks, power, throttling, memory in use, and the MIG
/// instances that exist. Without NVML the fields are missing and "nvml" of the machine says why: the suite runs all the
/// same, on what the jobs themselves measure. `library` is what to load, as for nvml::Library::open().
suite::DeviceSampling nvml_sampling(const std::string& library = "libnvidia-ml.so.1");

/// The fields that nvml_sampling() gives a measurement: what is known of an observation.
suite::FlatObject sample_fields(const Observation& seen);

}  // namespace gpusched::profiler
