#include "gpusched/sim/execution/job_state.hpp"

#include <algorithm>
#include <cmath>

#include "gpusched/base/check.hpp"
#include "gpusched/sim/generators/duration_law.hpp"

#include "draw_streams.hpp"

namespace gpusched::sim {

namespace {

constexpr double ns = static_cast<double>(ns_per_s);
constexpr TimeNs draw_step_ns = 1000;  // draws are rounded to it: the last bits of exp() are not the same everywhere
constexpr double ok_share_of_life = 0.95;
constexpr double run_time_grace = 1.02;
constexpr double run_time_grace_s = 60;
constexpr double rounding = 1 + 1e-9;  // a limit that is just kept is kept, whatever the last bit says

double to_s(TimeNs time_ns) { return static_cast<double>(time_ns) / ns; }

/// The first instant at which `seconds` have passed since `now`.
TimeNs after_seconds(TimeNs now, double seconds) {
  constexpr double longest_s = 9e9;
  return seconds < longest_s ? now + static_cast<TimeNs>(std::ceil(seconds * ns)) : never_ns;
}

TimeNs after_ns(TimeNs now, TimeNs left_ns) { return left_ns == never_ns ? never_ns : now + left_ns; }

void count_down(TimeNs& left_ns, TimeNs passed_ns) {
  if (left_ns != never_ns) {
    left_ns -= passed_ns;
    GPUSCHED_CHECK(left_ns >= 0, "a job was settled beyond its next step");
  }
}

}  // namespace

JobState::JobState(const JobPlan& plan, std::uint64_t seed, std::uint64_t entity)
    : plan_(plan),
      draws_(draw_stream(seed, entity, JobDraws::course)),
      life_left_ns_(plan.life_ns),
      crash_at_s_(plan.kind == WorkKind::training ? plan.crash_after * plan.work_s
                                                  : std::numeric_limits<double>::infinity()) {
  if (plan.kind == WorkKind::session && plan.life_ns != never_ns && plan.crash_after <= 1) {
    crash_left_ns_ = static_cast<TimeNs>(plan.crash_after * static_cast<double>(plan.life_ns));
  }
  if (plan.kind == WorkKind::service) {
    draw_load();
  } else if (plan.kind == WorkKind::session) {
    // As if it had been going on for ever, so that the mean over its life is the duty cycle.
    in_cell_ = draws_.next_unit() < plan.duty;
    if (in_cell_) {
      start_cell();
    } else {
      start_gap();
    }
  }
}

void JobState::draw_load() {
  load_factor_ = draws_.next_unit() < load_high_probability ? load_high : load_low;
  step_left_ns_ = to_steps_ns(load_step_mean_s * draws_.next_exponential(), draw_step_ns);
}

void JobState::start_gap() {
  in_cell_ = false;
  const double mean_s = plan_.duty > 0 ? cell_work_mean_s * (1 - plan_.duty) / plan_.duty : 0;
  step_left_ns_ = plan_.duty > 0 ? to_steps_ns(mean_s * draws_.next_exponential(), draw_step_ns) : never_ns;
}

void JobState::start_cell() {
  in_cell_ = true;
  cell_work_s_ = to_s(to_steps_ns(cell_work_median_s * std::exp(draws_.next_normal()), draw_step_ns));
  cell_left_s_ = cell_work_s_;
  cell_started_ns_ = settled_ns_;
}

TenantDemand JobState::demand() const {
  TenantDemand demand = plan_.demand;
  if (plan_.kind == WorkKind::service) {
    demand.load_milli = serving() ? static_cast<std::int32_t>(to_milli(plan_.load * load_factor_)) : 0;
  } else {
    demand.activity_milli = paced() ? milli_per_unit : 0;
  }
  return demand;
}

void JobState::place(TimeNs now, TimeNs ready_ns) {
  settle(now);
  GPUSCHED_CHECK(!placed_ && ended_ns_ < 0, "the job has a place already, or has ended");
  placed_ = true;
  ready_ns_ = ready_ns + (ran_ && plan_.kind == WorkKind::training ? training_restart_ns : 0);
}

void JobState::displace(TimeNs now) {
  settle(now);
  placed_ = false;
  running_ = false;
}

void JobState::kill(TimeNs now, bool for_good) {
  displace(now);
  ++oom_kills_;
  if (plan_.kind == WorkKind::training) {
    progress_s_ = 0;
  }
  if (for_good) {
    lost_ = true;
    ended_ns_ = now;
  }
}

void JobState::settle(TimeNs now) {
  const TimeNs passed_ns = now - settled_ns_;
  GPUSCHED_CHECK(passed_ns >= 0, "time goes back");
  settled_ns_ = now;
  if (!running_ || passed_ns == 0) {
    return;
  }
  const double passed_s = to_s(passed_ns);
  if (peak_left_ns_ > 0) {
    count_down(peak_left_ns_, passed_ns);
  }
  if (plan_.kind == WorkKind::training) {
    progress_s_ += passed_s / slowdown_;
    return;
  }
  count_down(life_left_ns_, passed_ns);
  count_down(crash_left_ns_, passed_ns);
  if (in_cell_) {
    cell_left_s_ -= passed_s / slowdown_;
    useful_s_ += passed_s / slowdown_ * plan_.gpus;
  } else if (outage_left_ns_ > 0) {
    count_down(outage_left_ns_, passed_ns);
  } else {
    count_down(step_left_ns_, passed_ns);
    if (plan_.kind == WorkKind::service && slowdown_ <= plan_.max_slowdown * rounding) {
      ok_ns_ += passed_ns;
      useful_s_ += passed_s * plan_.load * load_factor_ * plan_.gpus;
    }
  }
}

void JobState::suffer_crash() {
  if (plan_.kind == WorkKind::training) {
    progress_s_ = std::max(0.0, progress_s_ - crash_loses_work_s);
  } else if (plan_.kind == WorkKind::service) {
    outage_left_ns_ = service_outage_ns;
  }
}

JobState::NextStep JobState::next_step() const {
  if (!placed_) {
    return {};
  }
  if (!running_) {
    return {.time_ns = ready_ns_, .step = JobStep::ready};
  }
  NextStep next;
  const auto consider = [&next](TimeNs time_ns, JobStep step) {
    if (time_ns < next.time_ns) {
      next = {.time_ns = time_ns, .step = step};
    }
  };
  if (plan_.kind == WorkKind::training) {
    consider(after_seconds(settled_ns_, std::max(0.0, plan_.work_s - progress_s_) * slowdown_), JobStep::work_done);
    consider(after_seconds(settled_ns_, std::max(0.0, crash_at_s_ - progress_s_) * slowdown_), JobStep::crash);
  } else {
    consider(after_ns(settled_ns_, life_left_ns_), JobStep::life_over);
    consider(after_ns(settled_ns_, crash_left_ns_), JobStep::crash);
  }
  if (peak_left_ns_ > 0) {
    consider(settled_ns_ + peak_left_ns_, JobStep::memory_peak);
  }
  if (plan_.kind == WorkKind::service) {
    consider(after_ns(settled_ns_, outage_left_ns_ > 0 ? outage_left_ns_ : step_left_ns_),
             outage_left_ns_ > 0 ? JobStep::outage_over : JobStep::load_jump);
  } else if (plan_.kind == WorkKind::session) {
    if (in_cell_) {
      consider(after_seconds(settled_ns_, std::max(0.0, cell_left_s_) * slowdown_), JobStep::cell_done);
    } else {
      consider(after_ns(settled_ns_, step_left_ns_), JobStep::gap_over);
    }
  }
  return next;
}

void JobState::take(JobStep step) {
  switch (step) {
    case JobStep::none:
      return;
    case JobStep::work_done:
      progress_s_ = plan_.work_s;  // the instant was rounded up
      [[fallthrough]];
    case JobStep::life_over:
      placed_ = running_ = false;
      ended_ns_ = settled_ns_;
      return;
    case JobStep::ready:
      running_ = true;
      peak_left_ns_ = memory_peak_after_ns;
      if (!ran_) {
        ran_ = true;
        first_ready_ns_ = cell_started_ns_ = settled_ns_;
      }
      return;
    case JobStep::crash:
      crash_left_ns_ = never_ns;
      crash_at_s_ = std::numeric_limits<double>::infinity();
      return;
    case JobStep::memory_peak:
      return;  // counted down
    case JobStep::load_jump:
      draw_load();
      return;
    case JobStep::outage_over:
      return;  // counted down
    case JobStep::gap_over:
      start_cell();
      return;
    case JobStep::cell_done:
      cell_slowdowns_ += to_s(settled_ns_ - cell_started_ns_) / cell_work_s_;
      ++cells_;
      start_gap();
      return;
  }
}

double JobState::useful_s() const {
  const double done_s = plan_.kind == WorkKind::training ? progress_s_ * plan_.gpus : useful_s_;
  return std::max(0.0, done_s - useful_before_s_);
}

double JobState::mean_cell_slowdown(TimeNs now) const {
  double sum = cell_slowdowns_;
  std::int64_t cells = cells_;
  const double done_s = cell_work_s_ - cell_left_s_;
  if (in_cell_ && ran_ && done_s > 0) {
    // The cell at hand counts as far as it came.
    sum += to_s((ended_ns_ >= 0 ? ended_ns_ : now) - cell_started_ns_) / done_s;
    ++cells;
  }
  return cells > 0 ? sum / static_cast<double>(cells) : 1;
}

bool JobState::meets_slo(TimeNs now) const {
  if (lost_) {
    return false;
  }
  const TimeNs elapsed_ns = ran_ ? (ended_ns_ >= 0 ? ended_ns_ : now) - first_ready_ns_ : 0;
  switch (plan_.kind) {
    case WorkKind::service:
      return static_cast<double>(ok_ns_) >= ok_share_of_life * static_cast<double>(elapsed_ns);
    case WorkKind::session:
      return mean_cell_slowdown(now) <= plan_.max_slowdown * rounding;
    case WorkKind::training:
      return plan_.max_slowdown == std::numeric_limits<double>::infinity() ||
             to_s(elapsed_ns) <= run_time_grace * plan_.max_slowdown * progress_s_ + run_time_grace_s;
  }
  return false;
}

JobAccount JobState::account(TimeNs now) const {
  const TimeNs elapsed_ns = ran_ ? (ended_ns_ >= 0 ? ended_ns_ : now) - first_ready_ns_ : 0;
  JobAccount account;
  account.goodput_class = plan_.goodput_class;
  account.work_s = plan_.kind == WorkKind::training ? progress_s_ * plan_.gpus : useful_s_;
  account.slo_met = ran_ && meets_slo(now);
  account.oom_kills = oom_kills_;
  if (plan_.kind == WorkKind::service && elapsed_ns > 0) {
    account.ok_share = static_cast<double>(ok_ns_) / static_cast<double>(elapsed_ns);
  } else if (plan_.kind == WorkKind::session) {
    account.slowdown = mean_cell_slowdown(now);
  } else if (progress_s_ > 0) {
    account.slowdown = to_s(elapsed_ns) / progress_s_;
  }
  return account;
}

}  // namespace gpusched::sim
