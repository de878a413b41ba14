#include "gpusched/sim/execution/job_plan.hpp"

#include <cmath>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"

#include "draw_streams.hpp"

namespace gpusched::sim {

namespace {

// Shares of the jobs that crash once (mode study, section 1).
constexpr double session_crash_probability = 0.30;
constexpr double training_crash_probability = 0.15;

WorkKind work_kind_of(GoodputClass goodput_class) {
  switch (goodput_class) {
    case GoodputClass::service:
    case GoodputClass::burst:
      return WorkKind::service;
    case GoodputClass::dev:
      return WorkKind::session;
    case GoodputClass::training:
    case GoodputClass::gang:
      return WorkKind::training;
  }
  GPUSCHED_CHECK(false, "unknown class");
}

double error_factor(double sigma, std::uint64_t seed, std::uint64_t entity) {
  if (sigma <= 0) {
    return 1;
  }
  // Rounded: the last bits of exp() are not the same everywhere.
  return std::round(std::exp(sigma * draw_stream(seed, entity, JobDraws::error).next_normal()) * 1e6) / 1e6;
}

double crash_part(WorkKind kind, std::uint64_t seed, std::uint64_t entity) {
  Philox draws = draw_stream(seed, entity, JobDraws::crash);
  const double probability = kind == WorkKind::session    ? session_crash_probability
                             : kind == WorkKind::training ? training_crash_probability
                                                          : 0;
  const bool crashes = draws.next_unit() < probability;
  const double part = draws.next_unit();
  return crashes ? part : std::numeric_limits<double>::infinity();
}

}  // namespace

GoodputClass goodput_class_of(const GpuRequest& request, const JobProfile& profile, bool several_gpus) {
  switch (request.job_class) {
    case JobClass::always_on:
      return GoodputClass::service;
    case JobClass::burst:
      return GoodputClass::burst;
    case JobClass::dev:
      return GoodputClass::dev;
    case JobClass::batch:
      break;
    case JobClass::unknown:
      if (profile.kind == JobKind::service) {
        return GoodputClass::service;
      }
      break;
  }
  return several_gpus ? GoodputClass::gang : GoodputClass::training;
}

const std::string& true_profile_of(const JobSpec& spec) {
  return spec.true_profile.empty() ? spec.request.job_profile : spec.true_profile;
}

Result<JobPlan> make_job_plan(const JobSpec& spec, const JobProfile& profile, TimeNs submit_ns, TimeNs duration_ns,
                              std::int64_t pods, const ExecutionOptions& options, std::uint64_t seed,
                              std::uint64_t entity) {
  const GpuRequest& request = spec.request;
  JobPlan plan;
  plan.gpus = static_cast<double>(request.num_gpu) * static_cast<double>(pods);
  plan.goodput_class = goodput_class_of(request, profile, plan.gpus > 1);
  plan.kind = work_kind_of(plan.goodput_class);
  const bool serves = profile.kind == JobKind::service;
  if (serves != (plan.kind == WorkKind::service)) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = std::string("a job of class ") + to_string(plan.goodput_class) + " has the profile '" +
                            profile.name + "' of kind " + to_string(profile.kind),
                 .file = {},
                 .line = 0,
                 .remedy = "Services and bursts need a profile of kind service, other classes one of kind closed"};
  }
  plan.profile = &profile;
  plan.demand = tenant_demand(profile, LoadPoint::mean, options.constants);
  plan.demand.activity_milli = milli_per_unit;
  plan.submit_ns = submit_ns;
  if (plan.kind != WorkKind::training) {
    plan.life_ns = duration_ns >= 0 ? duration_ns : never_ns;
  } else if (duration_ns >= 0) {
    plan.work_s = static_cast<double>(duration_ns) / static_cast<double>(ns_per_s);
  }
  plan.load = serves ? profile.request_load->mean : 0;
  plan.duty = plan.kind == WorkKind::session ? profile.duty_cycle : 1;
  if (request.max_slowdown > 0) {
    plan.max_slowdown = request.max_slowdown;
  }
  plan.error = error_factor(options.slowdown_error, seed, entity);
  plan.crash_after = crash_part(plan.kind, seed, entity);
  plan.memory_peak_mib = profile.memory_peak_mib > 0 ? profile.memory_peak_mib : request.gpu_memory_mib;
  plan.isolated = request.isolation != Isolation::none;
  plan.trust_domain = request.trust_domain;
  return plan;
}

}  // namespace gpusched::sim
