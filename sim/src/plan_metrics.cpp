#include "gpusched/sim/plan_metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

namespace gpusched::sim {

namespace {

constexpr std::array<PlanMetric, 14> metrics = {{
    {"wait_p50", "s", "median wait until the first start"},
    {"wait_p95", "s", "95th percentile of the wait"},
    {"wait_p99", "s", "99th percentile of the wait"},
    {"wait_mean", "s", "mean wait"},
    {"goodput", "%", "work done within its SLO over work offered; without job profiles as acceptance_by_size"},
    {"slo_attainment", "%",
     "of the jobs submitted, those that got what they were promised; without job profiles as acceptance"},
    {"acceptance", "%", "pods started over pods arrived"},
    {"acceptance_by_size", "%", "the same by GPUs"},
    {"unserved", "%", "jobs that never started"},
    {"gpu_allocation", "%", "time mean of the allocated share of all GPUs"},
    {"evictions", "", "pods that lost their place"},
    {"preemptions", "", "of these, to a higher priority"},
    {"infeasible", "", "jobs that fit no node of the cluster, however empty"},
    {"oom_kills", "", "jobs killed for memory"},
}};

/// Nearest rank, as in the summary.
double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) {
    return 0;
  }
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

/// Unlike in the summary those that never started count too: else a cluster that starts nothing has no waits.
std::vector<double> waits_of(const Trace& trace, const SimulationResult& result) {
  const auto end_ns = static_cast<TimeNs>(result.summary.span_s * static_cast<double>(ns_per_s));
  std::vector<double> waits;
  waits.reserve(result.jobs.size());
  for (const JobResult& job : result.jobs) {
    const bool gave_up = job.outcome == JobOutcome::abandoned;
    const TimeNs until = job.first_start_ns >= 0 ? job.first_start_ns : gave_up ? job.end_ns : end_ns;
    const TimeNs wait = until - trace.jobs[job.row].submit_ns;
    waits.push_back(static_cast<double>(std::max<TimeNs>(0, wait)) / static_cast<double>(ns_per_s));
  }
  std::sort(waits.begin(), waits.end());
  return waits;
}

double served_share(const ExecutionSummary& execution) {
  double served = 0, offered = 0;
  for (std::size_t i = 0; i < goodput_class_count; ++i) {
    served += execution.served[i] * execution.offered[i];
    offered += execution.offered[i];
  }
  return offered > 0 ? served / offered : 1;
}

Error bad_target(std::string_view text, std::size_t position, const std::string& expected) {
  return {.code = ErrorCode::invalid_argument,
          .message =
              "target '" + std::string(text) + "', column " + std::to_string(position + 1) + ": expected " + expected,
          .file = {},
          .line = 0,
          .remedy = "Write for example 'wait_p99<60s', 'wait_p95<=5m' or 'goodput>=95%'"};
}

Result<std::size_t> find_metric(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (name == metrics[i].name) {
      return i;
    }
    known += (known.empty() ? "" : ", ") + std::string(metrics[i].name);
  }
  return Error{.code = ErrorCode::not_found,
               .message = "unknown metric '" + std::string(name) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known metrics: " + known};
}

/// What a unit multiplies a number with; 0: it does not go with the metric.
double unit_factor(std::string_view unit, std::string_view of_metric) {
  if (unit.empty()) {
    return 1;
  }
  if (of_metric == "%") {
    return unit == "%" ? 0.01 : 0;
  }
  if (of_metric == "s") {
    return unit == "ms" ? 1e-3 : unit == "s" ? 1 : unit == "m" || unit == "min" ? 60 : unit == "h" ? 3600 : 0;
  }
  return 0;
}

const char* symbol(PlanTarget::Relation relation) {
  constexpr std::array<const char*, 4> symbols = {"<", "<=", ">", ">="};
  return symbols[static_cast<std::size_t>(relation)];
}

}  // namespace

std::span<const PlanMetric> plan_metrics() { return metrics; }

std::vector<double> plan_values(const Trace& trace, const SimulationResult& result) {
  const Summary& s = result.summary;
  const std::vector<double> waits = waits_of(trace, result);
  const double jobs = std::max<double>(1, static_cast<double>(waits.size()));
  const double total = std::accumulate(waits.begin(), waits.end(), 0.0);
  const auto never = std::count_if(result.jobs.begin(), result.jobs.end(),
                                   [](const JobResult& job) { return job.first_start_ns < 0; });
  const bool executed = s.execution.has_value();
  const double unserved = executed ? s.execution->unserved : static_cast<double>(never) / jobs;
  return {quantile(waits, 0.50),
          quantile(waits, 0.95),
          quantile(waits, 0.99),
          total / jobs,
          executed ? served_share(*s.execution) : s.acceptance_by_size,
          executed ? s.execution->slo_attainment * (1 - unserved) : s.acceptance,
          s.acceptance,
          s.acceptance_by_size,
          unserved,
          s.gpu_allocation,
          static_cast<double>(s.evictions),
          static_cast<double>(s.preemptions),
          static_cast<double>(s.infeasible),
          executed ? static_cast<double>(s.execution->oom_kills) : 0};
}

Result<PlanTarget> parse_plan_target(std::string_view text) {
  std::size_t at = 0;
  const auto skip = [&] { at = std::min(text.find_first_not_of(' ', at), text.size()); };
  skip();
  const std::size_t begin = at;
  at = std::min(text.find_first_of(" <>=", at), text.size());
  if (at == begin) {
    return bad_target(text, at, "the name of a metric");
  }
  const Result<std::size_t> metric = find_metric(text.substr(begin, at - begin));
  if (!metric) {
    return metric.error();
  }
  PlanTarget target{.metric = metric.value()};
  skip();
  if (at == text.size() || (text[at] != '<' && text[at] != '>')) {
    return bad_target(text, at, "<, <=, > or >=");
  }
  const bool upper = text[at++] == '<';
  const bool equal = at < text.size() && text[at] == '=';
  at += equal ? 1 : 0;
  target.relation = upper ? (equal ? PlanTarget::Relation::at_most : PlanTarget::Relation::less)
                          : (equal ? PlanTarget::Relation::at_least : PlanTarget::Relation::greater);
  skip();
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), target.bound);
  if (error != std::errc() || !std::isfinite(target.bound)) {
    return bad_target(text, at, "a number");
  }
  at = static_cast<std::size_t>(end - text.data());
  skip();
  const std::string_view unit = text.substr(at, text.find_last_not_of(' ') + 1 - at);
  const std::string_view of_metric = metrics[target.metric].unit;
  const double factor = unit_factor(unit, of_metric);
  if (factor == 0) {
    return bad_target(text, at,
                      of_metric == "s"   ? "ms, s, m, h or nothing"
                      : of_metric == "%" ? "% or nothing"
                                         : "nothing more");
  }
  target.bound *= factor;
  return target;
}

std::string to_string(const PlanTarget& target) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), target.bound).ptr;
  const PlanMetric& metric = metrics[target.metric];
  return std::string(metric.name) + symbol(target.relation) + std::string(digits.data(), end) +
         (std::string_view(metric.unit) == "s" ? "s" : "");
}

}  // namespace gpusched::sim
