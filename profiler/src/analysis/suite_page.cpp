#include <algorithm>
#include <cmath>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/profiler/analysis/suite_exports.hpp"

#include "analysis/html_writer.hpp"

namespace gpusched::suite {

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string paragraph(const std::string& text, const char* style = "") {
  return "<p" + (*style != '\0' ? " class=\"" + std::string(style) + "\"" : std::string()) + ">" + escaped(text) +
         "</p>\n";
}

std::string section(const std::string& title, const std::string& content) {
  return "<section><h2>" + escaped(title) + "</h2>\n" + content + "</section>\n";
}

std::string error_text(const std::optional<double>& error) { return error ? fixed(*error, 3) : "no points"; }

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

std::string verdict(const Judgement& judgement) {
  const std::optional<bool> holds = judgement.holds();
  if (!judgement.limit) {
    return "no limit is set";
  }
  return holds ? (*holds ? "holds" : "MISSED") : "not judged: no held-out point";
}

std::string limits(const SuiteJudgement& judgement) {
  Rows rows;
  for (const Judgement* one : judgement.all()) {
    rows.push_back({one->title, std::to_string(one->points.size()), error_text(one->error(false)),
                    error_text(one->error(true)), one->limit ? fixed(*one->limit, 2) : "", verdict(*one)});
  }
  return section("Mean absolute error of relative speed",
                 html_table({"", "points", "fitted", "held out", "limit", ""}, rows));
}

/// Who is predicted too fast or too slow, by job.
Rows errors_by_job(const Judgement& judgement) {
  struct Sum {
    double signed_error = 0, absolute = 0;
    int count = 0;
  };
  std::map<std::string, Sum> sums;
  for (const JudgedPoint& point : judgement.points) {
    if (point.held_out) {
      Sum& sum = sums[point.job];
      sum.signed_error += point.predicted - point.measured;
      sum.absolute += std::abs(point.predicted - point.measured);
      ++sum.count;
    }
  }
  std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.absolute / a.second.count > b.second.absolute / b.second.count;
  });
  Rows rows;
  for (const auto& [job, sum] : order) {
    const double bias = sum.signed_error / sum.count;
    rows.push_back(
        {job, std::to_string(sum.count), fixed(sum.absolute / sum.count, 3), (bias >= 0 ? "+" : "") + fixed(bias, 3)});
  }
  return rows;
}

Rows point_rows(const Judgement& judgement) {
  std::vector<const JudgedPoint*> order;
  for (const JudgedPoint& point : judgement.points) {
    order.push_back(&point);
  }
  std::stable_sort(order.begin(), order.end(), [](const JudgedPoint* a, const JudgedPoint* b) {
    return std::abs(a->predicted - a->measured) > std::abs(b->predicted - b->measured);
  });
  Rows rows;
  for (const JudgedPoint* point : order) {
    const double error = point->predicted - point->measured;
    rows.push_back({point->job + " " + point->where, fixed(point->measured, 3), fixed(point->predicted, 3),
                    (error >= 0 ? "+" : "") + fixed(error, 3), point->held_out ? "held out" : "fitted"});
  }
  return rows;
}

std::string constants_text(const Judgement& judgement) {
  std::string text;
  for (const FittedConstant& constant : judgement.constants) {
    text += (text.empty() ? "" : ", ") + std::string(constant.name) + " " + fixed(constant.before, 3) +
            (constant.determined ? " -> " + fixed(constant.after, 3) : std::string(" stays: nothing is said about it"));
  }
  return text.empty() ? "" : "Constants: " + text + ".";
}

std::string judged(const Judgement& judgement) {
  if (judgement.points.empty()) {
    return section(judgement.title, paragraph("Not measured.", "muted"));
  }
  std::vector<PlotPoint> plot;
  for (const JudgedPoint& point : judgement.points) {
    plot.push_back({point.measured, point.predicted, point.held_out,
                    point.job + " " + point.where + ": measured " + fixed(point.measured, 3) + ", predicted " +
                        fixed(point.predicted, 3)});
  }
  std::string content =
      paragraph("Model: " + judgement.model + ". " + judgement.rule + ". " + constants_text(judgement));
  content += "<p>Mean absolute error, held out: <b>" + escaped(error_text(judgement.error(true))) + "</b>";
  if (judgement.limit) {
    const bool bad = judgement.holds() == false;
    content += " against a limit of " + fixed(*judgement.limit, 2) + ": <b class=\"" + (bad ? "bad" : "good") + "\">" +
               escaped(verdict(judgement)) + "</b>";
  }
  content += ".</p>\n" + paragraph(likely_cause(judgement));
  content += "<div class=\"beside\">" + scatter_svg(plot, judgement.title + ": predicted over measured") +
             html_table({"held out, by job", "points", "mean absolute", "mean error"}, errors_by_job(judgement)) +
             "</div>\n";
  content += paragraph("Filled: held out. Hollow: fitted. Errors above 0: predicted too fast.", "muted");
  content += "<details><summary>All points</summary>" +
             html_table({"", "measured", "predicted", "error", ""}, point_rows(judgement)) + "</details>\n";
  return section(judgement.title, content);
}

std::string jobs_alone(const SuiteResults& results) {
  Rows rows;
  for (const auto& [name, job] : results.alone) {
    rows.push_back(
        {name, fixed(job.step_ms, 3), std::to_string(job.set->repetitions), percent(job.set->spread),
         fixed(job.engine_active, 3), fixed(job.dram_active, 3), job.sm_active ? fixed(*job.sm_active, 3) : "unknown",
         job.tensor_active ? fixed(*job.tensor_active, 3) : "unknown", job.power_w ? fixed(*job.power_w, 0) : "unknown",
         fixed(job.flops_per_s / 1e12, 2), fixed(job.bytes_per_s / 1e9, 0), fixed(job.set->tenants[0].latency.p99, 3),
         job.counters ? "counters" : "own estimate"});
  }
  return section(
      "Jobs alone on the whole GPU",
      html_table({"job", "ms per item", "repetitions", "spread", "engine active", "dram active", "sm active",
                  "tensor active", "W", "Tflop/s", "GB/s", "p99 ms", "activities"},
                 rows) +
          paragraph("Own estimate: engine active is the time between the first and the last kernel of an "
                    "item, an upper bound; dram active is the bytes an item has to move over the nominal rate.",
                    "muted"));
}

std::string modelled(const SuiteJudgement& judgement) {
  if (judgement.modelled.empty()) {
    return "";
  }
  Rows rows;
  for (const ModelledSlice& slice : judgement.modelled) {
    rows.push_back({slice.job + " on " + slice.profile, fixed(slice.raw_speed, 3), fixed(slice.modelled_speed, 3),
                    slice.interpolated ? "between two SM counts" : ""});
  }
  return section(
      "Slices with their share of the bandwidth: modelled",
      paragraph("Not measured. A green context has all of the memory's bandwidth; a MIG instance has a share. "
                "Here the raw time is held to the bytes of an item over that share of what streaming reaches.") +
          html_table({"", "raw", "modelled", "raw speed"}, rows));
}

std::string latencies(const SuiteResults& results) {
  Rows rows;
  for (const MeasuredSet& set : results.sets) {
    for (std::size_t i = 0; i < set.planned.jobs.size(); ++i) {
      if (set.planned.jobs[i].load <= 0) {
        continue;
      }
      const MeasuredTenant& tenant = set.tenants[i];
      rows.push_back({set.planned.text(), percent(tenant.load), fixed(tenant.service_ms, 3),
                      fixed(tenant.latency.p50, 3), fixed(tenant.latency.p90, 3), fixed(tenant.latency.p95, 3),
                      fixed(tenant.latency.p99, 3),
                      tenant.backlog > 0 ? fixed(tenant.backlog, 0) + " never began" : ""});
    }
  }
  return rows.empty() ? ""
                      : section("Latency of requests, ms",
                                html_table({"", "load", "alone", "p50", "p90", "p95", "p99", ""}, rows));
}

/// What switching costs: the rate of N copies together over that of one.
std::string switch_tax(const SuiteResults& results) {
  Rows rows;
  for (const MeasuredSet& set : results.sets) {
    const PlannedJob& job = set.planned.jobs[0];
    const auto alone = results.alone.find(std::string(job.kind->name));
    if (set.planned.way != Way::time_slice || set.planned.jobs.size() != 1 || job.copies < 2 || job.load > 0 ||
        alone == results.alone.end()) {
      continue;
    }
    const double together = job.copies * alone->second.step_ms / set.tenants[0].step_ms;
    rows.push_back({set.planned.text(), fixed(together, 3), fixed(1 / together - 1, 3)});
  }
  std::string content = rows.empty() ? "" : html_table({"", "rate of all, of one", "tax"}, rows);
  if (results.context_mib) {
    content += paragraph("Context of an idle process: " + fixed(*results.context_mib, 0) + " MiB.");
  }
  return content.empty() ? "" : section("Taking turns", content);
}

std::string unused(const SuiteResults& results) {
  Rows rows;
  for (const UnusedMeasurement& one : results.unused) {
    rows.push_back({one.id, one.why});
  }
  return rows.empty() ? "" : section("Measured and not used", html_table({"", "why"}, rows));
}

std::string instances(const SuiteResults& results) {
  Rows rows;
  for (const MeasuredSet& set : results.sets) {
    if (set.planned.way == Way::mig) {
      rows.push_back({std::string(set.planned.jobs[0].kind->name) + " on " + set.planned.mig_profile,
                      fixed(set.tenants[0].step_ms, 3), std::to_string(set.repetitions), percent(set.spread)});
    }
  }
  return rows.empty()
             ? ""
             : section("Times on MIG instances", html_table({"", "ms per item", "repetitions", "spread"}, rows));
}

}  // namespace

std::string suite_page(const SuiteResults& results, const SuiteJudgement& judgement, const std::string& title) {
  const FlatObject& machine = results.machine;
  const auto text = [&](const char* key) { return machine.text(key).value_or("unknown"); };
  std::string page = page_head(title) + "<h1>" + escaped(title) + "</h1>\n";
  page +=
      paragraph(text("gpu") + " (" + std::string(gpu_model(results.gpu_model).name) + "), driver " + text("driver") +
                    ", CUDA " + fixed(machine.number("cuda_driver").value_or(0) / 1000, 1) + ", measured " +
                    text("at") + " with gpusched " + text("version") + " (" + text("commit") +
                    "). Command: " + text("command") + ". " + std::to_string(results.sets.size()) + " measurements.",
                "muted");
  page += limits(judgement) + jobs_alone(results);
  for (const Judgement* one : judgement.all()) {
    page += judged(*one);
  }
  page += modelled(judgement) + instances(results) + switch_tax(results) + latencies(results) + unused(results);
  return page + "</body>\n</html>\n";
}

}  // namespace gpusched::suite
