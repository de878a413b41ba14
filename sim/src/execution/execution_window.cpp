#include <algorithm>
#include <cmath>

#include "gpusched/sim/execution/execution_model.hpp"

namespace gpusched::sim {

namespace {

constexpr double most_served = 1.2;  // of a class, in the balanced goodput: work left over from the warm-up counts

double to_s(TimeNs time_ns) { return static_cast<double>(time_ns) / static_cast<double>(ns_per_s); }

/// What a job submitted in time asks of the window if it starts at once and alone, in whole-GPU seconds.
double offered_s(const JobPlan& plan, const MeasuringWindow& window, TimeNs until_ns) {
  const double from_s = to_s(std::max(window.from_ns, plan.submit_ns)) - to_s(plan.submit_ns);
  const double to_end_s = to_s(until_ns) - to_s(plan.submit_ns);
  const double length_s = plan.kind == WorkKind::training ? plan.work_s
                          : plan.life_ns == never_ns      ? std::numeric_limits<double>::infinity()
                                                          : to_s(plan.life_ns);
  const double within_s = std::max(0.0, std::min(length_s, to_end_s) - from_s);
  const double pace = plan.kind == WorkKind::service ? plan.load : plan.duty;
  return within_s * pace * plan.gpus;
}

}  // namespace

void ExecutionModel::settle_all(TimeNs now) {
  for (std::uint32_t job = 0; job < jobs_.size(); ++job) {
    jobs_[job].settle(now);
    reschedule(job);  // rounding may have moved the instant by a nanosecond
  }
}

void ExecutionModel::pass_window_boundary() {
  settle_all(now_);
  if (window_phase_ == WindowPhase::before) {
    window_phase_ = WindowPhase::open;
    for (JobState& job : jobs_) {
      job.open_window();
    }
    return;
  }
  closed_ = measure(now_);
  window_phase_ = WindowPhase::closed;
}

ExecutionSummary ExecutionModel::measure(TimeNs now) const {
  ExecutionSummary result = counts_;
  result.window_s = to_s(now - window_.from_ns);
  const double gpu_s = static_cast<double>(partitions_.gpu_count()) * result.window_s;
  std::array<double, goodput_class_count> useful_s{};
  std::array<double, goodput_class_count> asked_s{};
  std::vector<double> waits_s;
  std::int64_t submitted = 0, unserved = 0, ran = 0, met = 0;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    const JobState& job = jobs_[i];
    const JobPlan& plan = job.plan();
    const auto row = static_cast<std::size_t>(plan.goodput_class);
    asked_s[row] += offered_s(plan, window_, now);
    if (window_.contains(plan.submit_ns) && plan.submit_ns < now) {
      ++submitted;
      if (first_start_ns_[i] < 0) {
        ++unserved;
      } else {
        waits_s.push_back(to_s(first_start_ns_[i] - plan.submit_ns));
      }
    }
    if (job.first_ready_ns() < 0 || (job.ended_ns() >= 0 && job.ended_ns() < window_.from_ns)) {
      continue;
    }
    const bool slo_met = job.meets_slo(now);
    ++ran;
    met += slo_met ? 1 : 0;
    // A service's work is counted by time within its limit; all other work by the SLO of its job.
    if (slo_met || plan.kind == WorkKind::service) {
      useful_s[row] += job.useful_s();
    }
  }
  for (std::size_t row = 0; row < goodput_class_count; ++row) {
    result.goodput += gpu_s > 0 ? useful_s[row] / gpu_s : 0;
    result.offered[row] = gpu_s > 0 ? asked_s[row] / gpu_s : 0;
    result.served[row] = asked_s[row] > 0 ? useful_s[row] / asked_s[row] : 0;
  }
  result.slo_attainment = ran > 0 ? static_cast<double>(met) / static_cast<double>(ran) : 0;
  result.unserved = submitted > 0 ? static_cast<double>(unserved) / static_cast<double>(submitted) : 0;
  if (!waits_s.empty()) {
    // Nearest rank, as every quantile of a summary.
    const auto rank = static_cast<std::ptrdiff_t>(std::ceil(0.95 * static_cast<double>(waits_s.size()))) - 1;
    std::nth_element(waits_s.begin(), waits_s.begin() + rank, waits_s.end());
    result.wait_s_p95 = waits_s[static_cast<std::size_t>(rank)];
  }
  return result;
}

ExecutionSummary ExecutionModel::summary(TimeNs now,
                                         const std::array<double, goodput_class_count>& offered_cost_shares) {
  if (window_phase_ == WindowPhase::open) {
    settle_all(now);
  }
  ExecutionSummary result = window_phase_ == WindowPhase::before ? ExecutionSummary{}
                            : window_phase_ == WindowPhase::open ? measure(now)
                                                                 : closed_;
  for (std::size_t row = 0; row < goodput_class_count; ++row) {
    result.balanced_goodput += offered_cost_shares[row] * std::min(most_served, result.served[row]);
  }
  result.isolation_violations = counts_.isolation_violations;
  result.trust_violations = counts_.trust_violations;
  return result;
}

}  // namespace gpusched::sim
