#include "gpusched/sim/plan_text.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <string_view>

#include <nlohmann/json.hpp>

#include "gpusched/sim/plan_metrics.hpp"

namespace gpusched::sim {

namespace {

std::string decimals(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string percent(double fraction) {
  const std::string text = decimals(100 * fraction, 2);
  return text.substr(0, text.find_last_not_of('0') + 1 - (text.find_last_not_of('0') == text.find('.') ? 1 : 0)) + " %";
}

/// Mean and half width in the unit of the metric.
std::string figure(const PlannedCandidate& candidate, std::size_t metric) {
  const bool share = std::string_view(plan_metrics()[metric].unit) == "%";
  const double scale = share ? 100 : 1;
  const int digits = share ? 2 : 1;
  std::string text = decimals(scale * candidate.mean[metric], digits);
  if (candidate.runs.size() > 1) {
    text += " +-" + decimals(scale * candidate.half_width[metric], digits);
  }
  return text + (share ? " %" : std::string_view(plan_metrics()[metric].unit) == "s" ? " s" : "");
}

/// Of the frontier: the first waiting time that a target names, else the 99th percentile.
std::size_t wait_metric(const PlanReport& report) {
  const auto is_wait = [](std::size_t metric) {
    return std::string_view(plan_metrics()[metric].name).substr(0, 5) == "wait_";
  };
  for (const PlanTarget& target : report.targets) {
    if (is_wait(target.metric)) {
      return target.metric;
    }
  }
  return parse_plan_target("wait_p99<1").value().metric;
}

std::int64_t gpus(const PlanReport& report, const PlanCandidate& candidate) {
  return candidate.size * report.space.kinds[candidate.kind].gpus_per_node;
}

std::string cost(const PlanReport& report, double value) {
  return report.space.priced ? decimals(value, 2) : std::string("-");
}

PlanCandidate answer_of(const PlanReport& report) {
  return {.kind = *report.result.best, .size = report.result.kinds[*report.result.best].size};
}

std::string range_text(const PlanReport& report, const PlannedKind& kind) {
  const bool open = kind.highest > report.space.most_nodes;
  return open ? "at least " + std::to_string(kind.lowest)
              : std::to_string(kind.lowest) + " to " + std::to_string(kind.highest);
}

std::string sureness(const PlanReport& report) {
  const PlanResult& result = report.result;
  const PlannedKind& best = result.kinds[*result.best];
  const std::string confidence = percent(report.options.confidence);
  std::string text;
  if (best.settled && best.size == report.space.least_nodes) {
    text = "settled at " + confidence + " confidence: it meets every target; smaller ones are outside of the search";
  } else if (best.settled) {
    text = "settled at " + confidence + " confidence: it meets every target, " + std::to_string(best.size - 1) +
           " nodes do not";
  } else {
    text = "not settled after " + std::to_string(report.options.most_seeds) + " seeds: with " + confidence +
           " confidence it takes " + range_text(report, best) + " nodes; " + std::to_string(best.size) +
           " is the best estimate";
  }
  if (result.settled) {
    return text + "; the same runs settle it up to " + percent(1 - result.doubt) + "\n";
  }
  text += "\n";
  for (std::size_t k = 0; k < result.kinds.size(); ++k) {
    if (k != *result.best && !result.kinds[k].excluded) {
      text += "not settled: " + report.space.kinds[k].name() + " may be cheaper\n";
    }
  }
  return text;
}

void write_targets(std::ostringstream& text, const PlanReport& report) {
  const PlanCandidate answer = answer_of(report);
  const PlannedCandidate* const at = report.result.find(answer);
  const PlannedCandidate* const below = report.result.find({answer.kind, answer.size - 1});
  text << "\n"
       << std::left << std::setw(26) << "target" << std::right << std::setw(24)
       << std::to_string(answer.size) + " nodes";
  if (below != nullptr) {
    text << std::setw(24) << std::to_string(answer.size - 1) + " nodes";
  }
  text << "\n";
  const auto line = [&](const std::string& name, std::size_t metric) {
    text << std::left << std::setw(26) << name << std::right << std::setw(24) << figure(*at, metric);
    if (below != nullptr) {
      text << std::setw(24) << figure(*below, metric);
    }
    text << "\n";
  };
  for (const PlanTarget& target : report.targets) {
    line(to_string(target), target.metric);
  }
  for (const char* name : {"wait_p50<1", "wait_p99<1", "gpu_allocation<1", "infeasible<1"}) {
    const std::size_t metric = parse_plan_target(name).value().metric;
    const bool named = std::any_of(report.targets.begin(), report.targets.end(),
                                   [&](const PlanTarget& target) { return target.metric == metric; });
    if (!named) {
      line("  " + std::string(plan_metrics()[metric].name), metric);
    }
  }
  text << std::left << std::setw(26) << "  seeds" << std::right << std::setw(24) << at->runs.size();
  if (below != nullptr) {
    text << std::setw(24) << below->runs.size();
  }
  text << "\nmean over seeds, +- half width of the " << percent(report.options.confidence) << " interval\n";
}

std::size_t name_width(const PlanReport& report) {
  std::size_t width = 0;
  for (const ClusterKind& kind : report.space.kinds) {
    width = std::max(width, kind.name().size());
  }
  return width + 2;
}

/// What the other kinds need, and whether that is proved.
void write_kinds(std::ostringstream& text, const PlanReport& report) {
  if (report.space.kinds.size() < 2) {
    return;
  }
  const auto width = static_cast<int>(name_width(report));
  text << "\n"
       << std::left << std::setw(width) << "kind" << std::right << std::setw(8) << "nodes" << std::setw(8) << "GPUs"
       << std::setw(12) << "cost/h"
       << "  \n";
  for (std::size_t k = 0; k < report.space.kinds.size(); ++k) {
    const PlannedKind& kind = report.result.kinds[k];
    const bool none = kind.size > report.space.most_nodes;
    const PlanCandidate candidate{k, kind.size};
    const double price = report.space.planner_kinds()[k].cost_per_size * static_cast<double>(kind.size);
    text << std::left << std::setw(width) << report.space.kinds[k].name() << std::right << std::setw(8)
         << (none ? "-" : std::to_string(kind.size)) << std::setw(8)
         << (none ? "-" : std::to_string(gpus(report, candidate))) << std::setw(12)
         << (none ? "-" : cost(report, price)) << "  "
         << (k == *report.result.best ? "the answer"
             : kind.excluded && none  ? "fails where it would be cheaper"
             : kind.excluded          ? "not cheaper; its nodes are an estimate"
                                      : "not settled")
         << "\n";
  }
}

/// Candidates that no other one beats in both cost and waiting time, cheapest first.
std::vector<const PlannedCandidate*> frontier(const PlanReport& report) {
  const std::size_t metric = wait_metric(report);
  std::vector<const PlannedCandidate*> points;
  for (const PlannedCandidate& candidate : report.result.candidates) {
    if (candidate.runs.size() >=
        static_cast<std::size_t>(std::min(report.options.frontier_seeds, report.options.most_seeds))) {
      points.push_back(&candidate);
    }
  }
  std::stable_sort(points.begin(), points.end(), [&](const auto* a, const auto* b) {
    return std::pair(a->cost, a->mean[metric]) < std::pair(b->cost, b->mean[metric]);
  });
  std::vector<const PlannedCandidate*> kept;
  for (const PlannedCandidate* point : points) {
    if (kept.empty() || point->mean[metric] < kept.back()->mean[metric]) {
      kept.push_back(point);
    }
  }
  return kept;
}

void write_frontier(std::ostringstream& text, const PlanReport& report) {
  const std::size_t metric = wait_metric(report);
  const std::size_t allocation = parse_plan_target("gpu_allocation<1").value().metric;
  const auto width = static_cast<int>(name_width(report));
  text << "\ncost against waiting: candidates that no other one beats in both\n"
       << std::left << std::setw(width) << "kind" << std::right << std::setw(8) << "nodes" << std::setw(8) << "GPUs"
       << std::setw(12) << "cost/h" << std::setw(24) << plan_metrics()[metric].name << std::setw(20) << "GPU allocation"
       << std::setw(8) << "seeds"
       << "  targets\n";
  for (const PlannedCandidate* point : frontier(report)) {
    text << std::left << std::setw(width) << report.space.kinds[point->candidate.kind].name() << std::right
         << std::setw(8) << point->candidate.size << std::setw(8) << gpus(report, point->candidate) << std::setw(12)
         << cost(report, point->cost) << std::setw(24) << figure(*point, metric) << std::setw(20)
         << figure(*point, allocation) << std::setw(8) << point->runs.size() << "  "
         << (point->meets ? "met" : "missed") << (point->decided ? "" : " by the means") << "\n";
  }
}

}  // namespace

std::string plan_text(const PlanReport& report) {
  const PlanResult& result = report.result;
  const PlanCandidate answer = answer_of(report);
  const PlannedCandidate* const at = result.find(answer);
  std::ostringstream text;
  text << "answer: " << answer.size << " nodes, " << report.space.kinds[answer.kind].name() << ": "
       << gpus(report, answer) << " GPUs";
  if (report.space.priced) {
    text << ", " << decimals(at->cost, 2) << " per hour";
  }
  text << "\n" << sureness(report);
  for (const PlanCandidate& odd : result.contradictions) {
    text << "caution: by its means " << odd.size << " nodes " << (odd.size < answer.size ? "meet" : "miss")
         << " the targets; more nodes were assumed never to be worse\n";
  }
  write_targets(text, report);
  write_kinds(text, report);
  write_frontier(text, report);
  const auto sizes = report.space.most_nodes - report.space.least_nodes + 1;
  text << "\n"
       << result.runs << " runs; all candidates with all seeds would be "
       << sizes * static_cast<std::int64_t>(report.space.kinds.size()) * report.options.most_seeds << "\n";
  return text.str();
}

std::string plan_json(const PlanReport& report) {
  const PlanResult& result = report.result;
  const PlanCandidate answer = answer_of(report);
  const PlannedKind& best = result.kinds[answer.kind];
  const std::vector<const PlannedCandidate*> points = frontier(report);
  nlohmann::ordered_json json;
  json["answer"] = {{"kind", report.space.kinds[answer.kind].name()},
                    {"cluster", report.space.kinds[answer.kind].cluster(answer.size)},
                    {"policy", report.space.kinds[answer.kind].policy},
                    {"nodes", answer.size},
                    {"lowest_nodes", best.lowest},
                    {"highest_nodes", best.highest},
                    {"gpus", gpus(report, answer)}};
  if (report.space.priced) {
    json["answer"]["cost_per_hour"] = result.find(answer)->cost;
  }
  json["settled"] = result.settled;
  json["confidence"] = report.options.confidence;
  json["settled_up_to"] = result.settled ? 1 - result.doubt : 0;
  json["runs"] = result.runs;
  for (const PlanTarget& target : report.targets) {
    json["targets"].push_back(to_string(target));
  }
  for (std::size_t k = 0; k < result.kinds.size(); ++k) {
    const PlannedKind& kind = result.kinds[k];
    const bool none = kind.size > report.space.most_nodes;
    json["kinds"].push_back({{"kind", report.space.kinds[k].name()},
                             {"nodes", none ? nlohmann::ordered_json() : nlohmann::ordered_json(kind.size)},
                             {"excluded", kind.excluded},
                             {"settled", kind.settled}});
  }
  for (const PlannedCandidate& c : result.candidates) {
    nlohmann::ordered_json row = {{"kind", report.space.kinds[c.candidate.kind].name()},
                                  {"nodes", c.candidate.size},
                                  {"gpus", gpus(report, c.candidate)},
                                  {"seeds", c.runs.size()},
                                  {"meets", c.meets},
                                  {"decided", c.decided},
                                  {"frontier", std::find(points.begin(), points.end(), &c) != points.end()}};
    if (report.space.priced) {
      row["cost_per_hour"] = c.cost;
    }
    for (std::size_t i = 0; i < c.mean.size(); ++i) {
      row[plan_metrics()[i].name] = {{"mean", c.mean[i]}, {"half_width", c.half_width[i]}};
    }
    json["candidates"].push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

std::string plan_csv(const PlanReport& report) {
  std::ostringstream text;
  text << "policy,cluster,nodes,gpus,cost_per_hour,seed";
  for (const PlanMetric& metric : plan_metrics()) {
    text << "," << metric.name;
  }
  text << "\n" << std::setprecision(10);
  for (const PlannedCandidate& c : report.result.candidates) {
    const ClusterKind& kind = report.space.kinds[c.candidate.kind];
    for (std::size_t i = 0; i < c.runs.size(); ++i) {
      text << "\"" << kind.policy << "\"," << kind.cluster(c.candidate.size) << "," << c.candidate.size << ","
           << gpus(report, c.candidate) << "," << (report.space.priced ? decimals(c.cost, 4) : "") << ","
           << report.options.first_seed + i;
      for (const double value : c.runs[i]) {
        text << "," << value;
      }
      text << "\n";
    }
  }
  return text.str();
}

Error no_plan(const PlanReport& report) {
  std::string message = "no cluster of " + std::to_string(report.space.least_nodes) + " to " +
                        std::to_string(report.space.most_nodes) + " nodes meets the targets" +
                        (report.result.settled ? "" : ", by the means of the runs") + "; the largest:";
  for (std::size_t k = 0; k < report.space.kinds.size(); ++k) {
    const PlannedCandidate* const largest = report.result.find({k, report.space.most_nodes});
    message += "\n  " + report.space.kinds[k].name() + ":";
    for (const PlanTarget& target : report.targets) {
      message += " " + std::string(plan_metrics()[target.metric].name) + " " + figure(*largest, target.metric) +
                 (target.holds(largest->mean[target.metric]) ? " (met)" : " instead of " + to_string(target));
    }
  }
  return {.code = ErrorCode::not_found,
          .message = message,
          .file = {},
          .line = 0,
          .remedy = "Raise the upper end of nodes, loosen the targets, or search more kinds"};
}

}  // namespace gpusched::sim
