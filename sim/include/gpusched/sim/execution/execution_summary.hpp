#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "gpusched/base/units.hpp"

namespace gpusched::sim {

/// The classes that goodput is balanced over. A gang is a training job of several GPUs.
enum class GoodputClass : std::uint8_t { service, burst, dev, training, gang };
inline constexpr std::size_t goodput_class_count = 5;
/// "service", "burst", "dev", "training", "gang".
const char* to_string(GoodputClass goodput_class);

/// Services and bursts: their work is counted by time within their limit.
constexpr bool is_service(GoodputClass goodput_class) {
  return goodput_class == GoodputClass::service || goodput_class == GoodputClass::burst;
}

/// How a job got its GPU.
enum class StartMode : std::uint8_t { whole, mig, time_slice, mps, time_sliced_mig };
inline constexpr std::size_t start_mode_count = 5;
/// "whole", "mig", "time_slice", "mps", "time_sliced_mig".
const char* to_string(StartMode mode);

/// What jobs got out of the GPUs within the measuring window. Formulas: docs/models/execution.md.
struct ExecutionSummary {
  double window_s = 0;
  double goodput = 0;           ///< G: work within its SLO, per GPU and second
  double balanced_goodput = 0;  ///< NG: mean of what each class was served, by its share of the offered cost
  double slo_attainment = 0;    ///< share of the jobs that ran whose SLO holds
  double unserved = 0;          ///< share of the jobs submitted that never started
  double wait_s_p95 = 0;        ///< until the first start, over the jobs submitted that started
  std::array<double, goodput_class_count> served{};   ///< work within its SLO over offered work; 0 where none
  std::array<double, goodput_class_count> offered{};  ///< offered work per GPU and second
  std::array<std::int64_t, start_mode_count> starts{};
  std::int64_t openings = 0;  ///< partitions made for a job: an instance created, a GPU opened for sharing
  std::int64_t oom_kills = 0;
  std::int64_t crashes = 0;
  std::int64_t isolation_violations = 0;  ///< pairs in one context of which one asked for isolation; of the whole run
  std::int64_t trust_violations = 0;      ///< pairs on one MPS server without a common trust domain; of the whole run
};

/// What became of one job.
struct JobAccount {
  std::optional<GoodputClass> goodput_class;  ///< none: it has no profile and ran for its duration
  std::optional<StartMode> mode;              ///< of the last start
  double work_s = 0;     ///< done; of a service: served within its limit. In seconds of one whole GPU
  double slowdown = 0;   ///< mean, of cells and training; 0 for services
  double ok_share = 0;   ///< of a service's life: within its limit; 0 for others
  bool slo_met = false;  ///< by the end, or so far
  std::int64_t oom_kills = 0;
};

}  // namespace gpusched::sim
