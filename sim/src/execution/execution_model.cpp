#include "gpusched/sim/execution/execution_model.hpp"

#include <algorithm>

#include "gpusched/base/check.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

namespace gpusched::sim {

ExecutionModel::ExecutionModel(const ExecutionOptions& options, MeasuringWindow window)
    : options_(options), window_(window) {}

std::uint32_t ExecutionModel::add_job(const JobPlan& plan, std::uint64_t seed, std::uint64_t entity) {
  jobs_.emplace_back(plan, seed, entity);
  slots_.emplace_back();
  first_start_ns_.push_back(-1);
  mode_.push_back(StartMode::whole);
  agenda_.add_job();
  return static_cast<std::uint32_t>(jobs_.size() - 1);
}

void ExecutionModel::started(std::uint32_t job, std::span<const Candidate> places, TimeNs now, TimeNs ready_ns) {
  now_ = now;
  const JobPlan& plan = jobs_[job].plan();
  slots_[job].clear();
  for (const Candidate& place : places) {
    for (const GpuAssignment& part : place.gpus) {
      const std::uint32_t slot = partitions_.slot(place.node, part);
      PartitionTenant tenant{.job = job, .slice_slowdown_milli = milli_per_unit, .demand = {}, .slowdown = 1};
      if (part.range.size > 0) {
        tenant.slice_slowdown_milli = slice_slowdown_milli(*plan.profile, partitions_.model(place.node, part.gpu),
                                                           part.profile, options_.constants);
      }
      partitions_.join(slot, place.node, part, tenant);
      count_violations(job, slot);
      slots_[job].push_back(slot);
      const PartitionSharing sharing = partitions_.sharing(place.node, part);
      mode_[job] = part.takes_turns()                        ? StartMode::time_sliced_mig
                   : part.range.size > 0                     ? StartMode::mig
                   : sharing == PartitionSharing::mps        ? StartMode::mps
                   : sharing == PartitionSharing::time_slice ? StartMode::time_slice
                                                             : StartMode::whole;
    }
  }
  counts_.starts[static_cast<std::size_t>(mode_[job])] += window_.contains(now) ? 1 : 0;
  counts_.openings += window_.contains(now) && ready_ns > now ? 1 : 0;
  if (first_start_ns_[job] < 0) {
    first_start_ns_[job] = now;
  }
  jobs_[job].place(now, ready_ns);
  show(job);
  reschedule(job);
}

void ExecutionModel::stopped(std::uint32_t job, TimeNs now) {
  now_ = now;
  jobs_[job].displace(now);
  leave(job);
}

void ExecutionModel::leave(std::uint32_t job) {
  agenda_.set(job, never_ns);
  for (const std::uint32_t slot : slots_[job]) {
    partitions_.leave(slot, job);
    refresh(slot);
  }
  slots_[job].clear();
}

TimeNs ExecutionModel::next_time() const {
  const TimeNs boundary_ns = window_phase_ == WindowPhase::before ? window_.from_ns
                             : window_phase_ == WindowPhase::open ? window_.to_ns
                                                                  : never_ns;
  return agenda_.empty() ? boundary_ns : std::min(boundary_ns, agenda_.top_time_ns());
}

TimeNs ExecutionModel::run_until(TimeNs limit, std::vector<JobEnd>& ended) {
  for (;;) {
    const TimeNs time_ns = next_time();
    if (!ended.empty() && time_ns != now_) {
      return now_;
    }
    if (time_ns > limit || time_ns == never_ns) {
      return limit;
    }
    now_ = time_ns;
    const TimeNs boundary_ns = window_phase_ == WindowPhase::before ? window_.from_ns : window_.to_ns;
    if (window_phase_ != WindowPhase::closed && boundary_ns == now_) {
      pass_window_boundary();
      continue;
    }
    const std::uint32_t job = agenda_.top_job();
    act(job);
    if (jobs_[job].ended_ns() >= 0) {
      const bool lost = jobs_[job].oom_kills() >= most_kills;
      ended.push_back({.job = job, .kind = lost ? JobEndKind::lost : JobEndKind::finished});
    } else if (slots_[job].empty()) {
      ended.push_back({.job = job, .kind = JobEndKind::killed});
    }
  }
}

void ExecutionModel::act(std::uint32_t job) {
  JobState& state = jobs_[job];
  const JobState::NextStep next = state.next_step();
  state.settle(now_);
  state.take(next.step);
  switch (next.step) {
    case JobStep::work_done:
    case JobStep::life_over:
      leave(job);
      return;
    case JobStep::memory_peak:
      if (overflows(job)) {
        state.kill(now_, state.oom_kills() + 1 >= most_kills);
        counts_.oom_kills += window_.contains(now_) ? 1 : 0;
        leave(job);
        return;
      }
      break;
    case JobStep::crash:
      counts_.crashes += window_.contains(now_) ? 1 : 0;
      crash(job);
      break;
    default:
      show(job);
      break;
  }
  reschedule(job);
}

void ExecutionModel::crash(std::uint32_t job) {
  for (const std::uint32_t slot : slots_[job]) {
    if (partitions_[slot].sharing != PartitionSharing::mps) {
      continue;
    }
    const std::size_t tenants = partitions_[slot].tenants.size();
    for (std::size_t i = 0; i < tenants; ++i) {
      const std::uint32_t neighbour = partitions_[slot].tenants[i].job;
      if (neighbour != job && jobs_[neighbour].running()) {
        jobs_[neighbour].settle(now_);
        jobs_[neighbour].suffer_crash();
        show(neighbour);
        reschedule(neighbour);
      }
    }
  }
}

bool ExecutionModel::overflows(std::uint32_t job) const {
  std::vector<std::int64_t> footprints_mib;
  for (const std::uint32_t slot : slots_[job]) {
    footprints_mib.clear();
    for (const PartitionTenant& tenant : partitions_[slot].tenants) {
      const JobState& state = jobs_[tenant.job];
      if (state.running()) {
        footprints_mib.push_back(state.peaked() ? state.plan().memory_peak_mib : 0);
      }
    }
    if (partitions_[slot].memory_mib > 0 &&
        memory_needed_mib(footprints_mib, options_.constants) > partitions_[slot].memory_mib) {
      return true;
    }
  }
  return false;
}

void ExecutionModel::count_violations(std::uint32_t job, std::uint32_t slot) {
  const JobPlan& newcomer = jobs_[job].plan();
  const Partition& partition = partitions_[slot];
  for (const PartitionTenant& tenant : partition.tenants) {
    if (tenant.job == job) {
      continue;
    }
    const JobPlan& resident = jobs_[tenant.job].plan();
    const bool trusted = !newcomer.trust_domain.empty() && newcomer.trust_domain == resident.trust_domain;
    counts_.isolation_violations += newcomer.isolated || resident.isolated ? 1 : 0;
    counts_.trust_violations += partition.sharing == PartitionSharing::mps && !trusted ? 1 : 0;
  }
}

void ExecutionModel::show(std::uint32_t job) {
  const TenantDemand demand = jobs_[job].demand();
  for (const std::uint32_t slot : slots_[job]) {
    for (PartitionTenant& tenant : partitions_[slot].tenants) {
      if (tenant.job == job) {
        tenant.demand =
            tenant.slice_slowdown_milli == milli_per_unit ? demand : on_slice(demand, tenant.slice_slowdown_milli);
      }
    }
    refresh(slot);
  }
}

void ExecutionModel::refresh(std::uint32_t slot) {
  partitions_[slot].update_slowdowns(options_.constants);
  for (const PartitionTenant& tenant : partitions_[slot].tenants) {
    set_slowdown(tenant.job);
  }
}

double ExecutionModel::true_slowdown(const Partition& partition, const PartitionTenant& tenant) const {
  const double error = jobs_[tenant.job].plan().error;
  // Alone on a whole GPU is what slowdowns are measured against.
  if (error == 1 || (partition.whole_device && !partition.others_work(tenant))) {
    return tenant.slowdown;
  }
  const double alone = exclusive_slowdown(jobs_[tenant.job].demand());
  return std::min(saturated_slowdown, std::max(alone, tenant.slowdown * error));
}

void ExecutionModel::set_slowdown(std::uint32_t job) {
  double slowdown = 0;
  for (const std::uint32_t slot : slots_[job]) {
    // The slowest part holds the others up.
    for (const PartitionTenant& tenant : partitions_[slot].tenants) {
      if (tenant.job == job) {
        slowdown = std::max(slowdown, true_slowdown(partitions_[slot], tenant));
      }
    }
  }
  JobState& state = jobs_[job];
  if (slowdown != state.slowdown()) {
    state.settle(now_);
    state.set_slowdown(slowdown);
    if (state.paced()) {
      reschedule(job);
    }
  }
}

JobAccount ExecutionModel::account(std::uint32_t job, TimeNs now) {
  jobs_[job].settle(now);
  reschedule(job);  // rounding may have moved the instant by a nanosecond
  JobAccount account = jobs_[job].account(now);
  if (first_start_ns_[job] >= 0) {
    account.mode = mode_[job];
  }
  return account;
}

void ExecutionModel::reschedule(std::uint32_t job) { agenda_.set(job, jobs_[job].next_step().time_ns); }

}  // namespace gpusched::sim
