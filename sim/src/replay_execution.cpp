#include <algorithm>
#include <set>

#include "execution/offered_cost.hpp"
#include "replay.hpp"

namespace gpusched::sim {

Status Replay::build() {
  load_profiles();
  build_units();
  build_health_steps();
  metrics_.advance(0, engine_.state(), meter_, 0, 0);
  build_triggers();
  // Jobs that arrive in a given order stay for ever.
  return trace_.profiles.empty() || !options_.arrival_order.empty() ? Status() : build_execution();
}

void Replay::load_profiles() {
  // The scheduler is told the profiles that requests name; the true ones of other jobs it never sees.
  std::set<std::string_view> named;
  for (const JobSpec& spec : trace_.specs) {
    named.insert(spec.request.job_profile);
  }
  for (const JobProfile& profile : trace_.profiles) {
    if (named.contains(profile.name)) {
      observe({0, ProfileLoaded{profile}});
    }
  }
}

TimeNs Replay::duration_of(std::uint32_t unit) const {
  TimeNs duration_ns = -1;
  for (const PodId pod : pods_of(unit)) {
    duration_ns = std::max(duration_ns, job_of(pod).duration_ns);
  }
  return duration_ns;
}

Status Replay::build_execution() {
  const Result<MeasuringWindow> window = measuring_window(trace_);
  if (!window) {
    return window.error();
  }
  window_ = window.value();
  execution_.emplace(options_.execution, window_);
  if (until_ns_ < 0) {
    until_ns_ = window_.to_ns;
  }
  for (const Node& node : engine_.state().nodes()) {
    execution_->add_node(node.spec);
  }
  std::map<std::string_view, const JobProfile*> profiles;
  for (const JobProfile& profile : trace_.profiles) {
    profiles.emplace(profile.name, &profile);
  }
  job_of_unit_.assign(units_.size(), not_executed);
  result_.accounts.resize(result_.jobs.size());
  for (std::uint32_t unit = 0; unit < units_.size(); ++unit) {
    if (Status added = add_execution_job(unit, profiles); !added) {
      return added;
    }
  }
  return {};
}

Status Replay::add_execution_job(std::uint32_t unit, const std::map<std::string_view, const JobProfile*>& profiles) {
  const TraceJob& job = job_of(pods_of(unit)[0]);
  const JobSpec& spec = trace_.specs[job.spec];
  const std::string& name = true_profile_of(spec);
  if (name.empty() || spec.request.num_gpu == 0) {
    return {};  // runs for its duration
  }
  const auto found = profiles.find(name);
  if (found == profiles.end()) {
    return Error{.code = ErrorCode::not_found,
                 .message = "job '" + job.id + "' names the profile '" + name + "', which the trace does not have",
                 .file = {},
                 .line = 0,
                 .remedy = "Add the profile to the trace, or leave the name out: the job then runs for its duration"};
  }
  Result<JobPlan> plan = make_job_plan(spec, *found->second, units_[unit].submit_ns, duration_of(unit),
                                       units_[unit].pod_count, options_.execution, options_.seed, unit);
  if (!plan) {
    Error error = plan.error();
    error.message = "job '" + job.id + "': " + error.message;
    return error;
  }
  job_of_unit_[unit] = execution_->add_job(plan.value(), options_.seed, unit);
  unit_of_job_.push_back(unit);
  return {};
}

void Replay::start_execution(std::uint32_t job, std::span<const Decision> decisions) {
  places_.clear();
  TimeNs setup_ns = 0;
  for (const Decision& decision : decisions) {
    places_.push_back(*candidate_of(decision));
    if (const ModeVerdict* mode = mode_of(decision)) {
      setup_ns = std::max(setup_ns, mode->setup_ns);
    }
  }
  execution_->started(job, places_, now_, now_ + setup_ns);
}

void Replay::run_execution() {
  TimeNs limit_ns = until_ns_ >= 0 ? until_ns_ : never_ns;
  if (next_arrival_ < arrivals_.size()) {
    limit_ns = std::min(limit_ns, units_[arrivals_[next_arrival_]].submit_ns);
  }
  if (!agenda_.empty()) {
    limit_ns = std::min(limit_ns, agenda_.top().time_ns);
  }
  if (resources_freed_) {
    limit_ns = now_;  // whoever waits for what came free starts before time passes
  }
  ended_jobs_.clear();
  const TimeNs reached_ns = execution_->run_until(limit_ns, ended_jobs_);
  if (ended_jobs_.empty()) {
    return;
  }
  pass_time(reached_ns);
  for (const JobEnd& end : ended_jobs_) {
    const std::uint32_t unit = unit_of_job_[end.job];
    switch (end.kind) {
      case JobEndKind::finished:
        vacate(unit, JobOutcome::finished);
        break;
      case JobEndKind::killed:
        vacate(unit, JobOutcome::waiting);
        wait(unit);
        break;
      case JobEndKind::lost:
        vacate(unit, JobOutcome::lost);
        break;
    }
  }
}

void Replay::finish_execution() {
  if (!execution_) {
    return;
  }
  // Nobody runs any more, or the window is over: what is left of it passes without events.
  ended_jobs_.clear();
  execution_->run_until(until_ns_, ended_jobs_);
  GPUSCHED_CHECK(ended_jobs_.empty(), "a job ended after the replay");
  const TimeNs end_ns = std::max(now_, until_ns_);
  result_.summary.execution =
      execution_->summary(end_ns, offered_cost_shares(trace_, window_, options_.execution.constants));
  for (std::uint32_t unit = 0; unit < units_.size(); ++unit) {
    if (const std::uint32_t job = job_of_unit_[unit]; job != not_executed) {
      result_.accounts[job_of_pod_[pods_of(unit)[0].value]] = execution_->account(job, end_ns);
    }
  }
}

}  // namespace gpusched::sim
