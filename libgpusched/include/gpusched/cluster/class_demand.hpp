#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "gpusched/base/units.hpp"
#include "gpusched/cluster/gpu_request.hpp"

namespace gpusched {

/// What the job classes asked for of late, and what they got: jobs that state intent, counted by class. Older counts
/// fade: a job counts 0.9 after ten minutes, 0.53 after an hour.
class ClassDemand {
 public:
  /// Lets older counts fade. Time never runs backwards: an earlier `now` changes nothing.
  void advance(TimeNs now) {
    if (now - faded_ns_ >= fading_step_ns) {
      fade(now);
    }
  }

  void arrive(JobClass job_class) {
    ++of(job_class).waiting;
    of(job_class).arrived += 1;
  }
  void start(JobClass job_class) {
    --of(job_class).waiting;
    of(job_class).started += 1;
  }
  /// A start that came to nothing: the job waits again.
  void undo_start(JobClass job_class) {
    ++of(job_class).waiting;
    of(job_class).started -= 1;
  }
  /// A job that waited has gone.
  void leave(JobClass job_class) { --of(job_class).waiting; }

  std::int64_t waiting(JobClass job_class) const { return counts_[static_cast<std::size_t>(job_class)].waiting; }
  /// Of the jobs that arrived of late, the share that was started. Above 1 where a backlog is worked off.
  double served(JobClass job_class) const;

 private:
  struct Counts {
    std::int64_t waiting = 0;
    double arrived = 0;
    double started = 0;
  };
  static constexpr TimeNs fading_step_ns = 600 * ns_per_s;

  void fade(TimeNs now);
  Counts& of(JobClass job_class) { return counts_[static_cast<std::size_t>(job_class)]; }

  std::array<Counts, job_class_count> counts_{};
  TimeNs faded_ns_ = 0;
};

}  // namespace gpusched
