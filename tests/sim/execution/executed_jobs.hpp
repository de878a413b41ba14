#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/execution/execution_model.hpp"

#include "cluster_builders.hpp"

namespace gpusched::sim::test {

inline constexpr double never = std::numeric_limits<double>::infinity();

inline TimeNs at(double seconds) { return static_cast<TimeNs>(std::llround(seconds * 1e9)); }

/// A closed job: u, m, d as given; footprint 1 GiB.
inline JobProfile closed_profile(double engine_active, double dram_active, double mps_demand, double duty = 1) {
  JobProfile profile;
  profile.name = "closed";
  profile.gpu_model = gpusched::test::model_named("A100-80GB");
  profile.engine_active.mean = engine_active;
  profile.dram_active.mean = dram_active;
  profile.mps_demand = mps_demand;
  profile.duty_cycle = duty;
  profile.memory_peak_mib = 1024;
  return profile;
}

/// A service of mean load rho whose requests take 100 ms; w, m, d as given.
inline JobProfile service_profile(double load, double sm_active, double dram_active, double mps_demand) {
  JobProfile profile = closed_profile(1, dram_active, mps_demand);
  profile.name = "service";
  profile.kind = JobKind::service;
  profile.sm_active = Activity{.mean = sm_active};
  profile.request_load = Activity{.mean = load};
  profile.service_time_ms = 100;
  return profile;
}

inline JobSpec spec_of(JobClass job_class, double max_slowdown = 0, std::int32_t num_gpu = 1) {
  JobSpec spec;
  spec.request.num_gpu = num_gpu;
  spec.request.gpu_milli = 1000;
  spec.request.job_class = job_class;
  spec.request.max_slowdown = max_slowdown;
  return spec;
}

/// The plan of a job that does not crash.
inline JobPlan plan_of(const JobSpec& spec, const JobProfile& profile, double submit_s, double duration_s,
                       std::uint64_t entity = 0) {
  JobPlan plan =
      make_job_plan(spec, profile, at(submit_s), duration_s < 0 ? -1 : at(duration_s), 1, {}, 1, entity).value();
  plan.crash_after = never;
  return plan;
}

inline GpuAssignment shared_on(std::uint16_t gpu, PartitionSharing sharing) {
  GpuAssignment part = gpusched::test::share_on(gpu, 125);
  part.sharing = sharing;
  return part;
}

/// One node of four A100-80GB and a model that is measured from 0 to 100,000 s.
class World {
 public:
  explicit World(const ExecutionOptions& options = {}, MeasuringWindow window = {0, at(100'000)})
      : model(options, window) {
    model.add_node(gpusched::test::gpu_node("node", "A100-80GB", 4));
  }

  /// Training of `work_s` on `part` from `start_s` on.
  std::uint32_t train(const JobProfile& profile, double work_s, const GpuAssignment& part, double start_s = 0) {
    return start(plan_of(spec_of(JobClass::batch), keep(profile), start_s, work_s), part, start_s);
  }
  std::uint32_t start(JobPlan plan, const GpuAssignment& part, double start_s = 0, double setup_s = 0) {
    const std::uint32_t job = add(std::move(plan));
    run_to(start_s);
    place(job, part, start_s, setup_s);
    return job;
  }
  std::uint32_t add(JobPlan plan) { return model.add_job(plan, 1, entity_++); }
  void place(std::uint32_t job, const GpuAssignment& part, double start_s, double setup_s = 0) {
    const Candidate place = gpusched::test::place_on(NodeId{0}, {part});
    model.started(job, std::span(&place, 1), at(start_s), at(start_s + setup_s));
  }
  /// Profiles must outlive the jobs that have them.
  const JobProfile& keep(const JobProfile& profile) {
    return *profiles_.emplace_back(std::make_unique<JobProfile>(profile));
  }
  /// Runs to this time; `ends` collects who left when.
  void run_to(double seconds) {
    for (;;) {
      std::vector<JobEnd> ended;
      const TimeNs reached = model.run_until(at(seconds), ended);
      for (const JobEnd& end : ended) {
        ends.push_back({end.job, static_cast<double>(reached) / 1e9, end.kind});
      }
      if (ended.empty()) {
        return;
      }
    }
  }
  /// When the job left its place last; -1 = it did not.
  double end_of(std::uint32_t job) const {
    double found = -1;
    for (const End& end : ends) {
      found = end.job == job ? end.time_s : found;
    }
    return found;
  }

  struct End {
    std::uint32_t job;
    double time_s;
    JobEndKind kind;
  };
  ExecutionModel model;
  std::vector<End> ends;

 private:
  std::vector<std::unique_ptr<JobProfile>> profiles_;
  std::uint64_t entity_ = 0;
};

}  // namespace gpusched::sim::test
