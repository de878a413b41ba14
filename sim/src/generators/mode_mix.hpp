#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/base/ids.hpp"
#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/model/job_profile.hpp"
#include "gpusched/sim/generators/duration_law.hpp"

namespace gpusched::sim {

/// Sources of jobs, in the order of their queues. Numbers are part of the result, never change one.
enum class ModeMixSource : std::uint8_t { burst = 0, service = 1, dev = 2, training = 3, gang = 4 };
inline constexpr std::size_t mode_mix_sources = 5;

/// Shares of the fluid demand, and of jobs that must not share. By ModeMixSource.
struct ModeMix {
  std::string_view name;
  std::array<double, mode_mix_sources> demand;
  std::array<double, mode_mix_sources> isolated;
  bool small_services = false;  ///< no LLM-like ones
};

/// One job before it has a time.
struct ModeMixJob {
  JobProfile profile;    ///< without name
  GpuRequest request;    ///< without profile name
  bool unknown = false;  ///< the scheduler is not told its profile
  double duration_s = 0;
};

/// What all jobs of a source share.
struct ModeMixClass {
  std::string_view kind;
  JobClass job_class;
  std::int32_t priority;
  double max_wait_s;  ///< negative: for ever
  double trusted;     ///< share of jobs that may share an MPS server
  double shortest_s;  ///< durations below it are lifted to it
  DurationLaw durations;

  /// Of a duration, cut and lifted.
  double mean_s() const;
};

const ModeMixClass& mode_mix_class(ModeMixSource source);

/// Job `number` of a source: a function of these arguments alone. `unknown` is the share of jobs without profile.
ModeMixJob draw_mode_mix_job(const ModeMix& mix, ModeMixSource source, std::uint64_t number, double unknown,
                             GpuModelId model, std::uint64_t seed);

}  // namespace gpusched::sim
