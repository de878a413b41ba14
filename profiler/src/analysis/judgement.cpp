#include "gpusched/profiler/analysis/judgement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/fit_constants.hpp"
#include "gpusched/perf/slice_speed.hpp"
#include "gpusched/perf/slowdown_models.hpp"

namespace gpusched::suite {

namespace {

constexpr double issue_limit = 0.05;  // mean absolute error of relative speed

/// The profile of a job as the models read it. `tenant` says what its requests were.
JobProfile profile_of(const JobAlone& alone, const PlannedJob& planned, const MeasuredTenant& tenant,
                      GpuModelId gpu_model) {
  JobProfile profile;
  profile.name = std::string(alone.kind->name);
  profile.gpu_model = gpu_model;
  profile.engine_active.mean = alone.engine_active;
  profile.dram_active.mean = alone.dram_active;
  if (alone.sm_active) {
    profile.sm_active = Activity{.mean = *alone.sm_active};
  }
  if (planned.load > 0) {
    profile.kind = JobKind::service;
    profile.request_load = Activity{.mean = std::min(1.0, tenant.load)};
    profile.service_time_ms = tenant.service_ms;
  }
  return profile;
}

/// One measurement with everything a prediction of it needs.
struct Case {
  const MeasuredSet* set = nullptr;
  std::optional<MigProfileId> instance;  // none: the whole GPU
  std::vector<JobProfile> tenants;       // copies spelt out
  std::vector<std::size_t> first;        // of each planned job
  std::vector<JudgedPoint> points;       // of each planned job, without prediction
};

double measured_speed(const PlannedJob& planned, const MeasuredTenant& tenant, const JobAlone& alone) {
  return (planned.load > 0 ? tenant.service_ms : alone.step_ms) / tenant.step_ms;
}

std::string place_of(const PlannedMeasurement& planned, std::size_t index) {
  if (planned.way == Way::mig) {
    return "on " + planned.mig_profile;
  }
  std::string text;
  for (std::size_t i = 0; i < planned.jobs.size(); ++i) {
    const PlannedJob& job = planned.jobs[i];
    const int copies = job.copies - (i == index ? 1 : 0);
    if (copies > 0) {
      text += (text.empty() ? "beside " : ", ") + (copies > 1 ? std::to_string(copies) + " x " : std::string()) +
              std::string(job.kind->name);
      if (job.load > 0) {
        const std::string percent = std::to_string(static_cast<int>(std::lround(100 * job.load)));
        text += " at " + percent + " %";
      }
    }
  }
  return text.empty() ? "alone" : text;
}

/// The cases of one way of sharing whose jobs were all measured alone.
class CaseBuilder {
 public:
  explicit CaseBuilder(const SuiteResults& results) : results_(results) {}

  template <typename Chosen>
  std::vector<Case> cases(Way way, const Chosen& chosen) const {
    std::vector<Case> found;
    for (const MeasuredSet& set : results_.sets) {
      if (set.planned.way == way && chosen(set.planned)) {
        if (std::optional<Case> one = case_of(set)) {
          found.push_back(std::move(*one));
        }
      }
    }
    return found;
  }

 private:
  std::optional<Case> case_of(const MeasuredSet& set) const {
    Case one{.set = &set, .instance = {}, .tenants = {}, .first = {}, .points = {}};
    if (set.planned.way == Way::mig) {
      const Result<MigProfileId> profile = find_mig_profile(results_.gpu_model, set.planned.mig_profile);
      if (!profile) {
        return std::nullopt;
      }
      one.instance = profile.value();
    }
    for (std::size_t i = 0; i < set.planned.jobs.size(); ++i) {
      const PlannedJob& planned = set.planned.jobs[i];
      const auto alone = results_.alone.find(std::string(planned.kind->name));
      if (alone == results_.alone.end()) {
        return std::nullopt;
      }
      one.first.push_back(one.tenants.size());
      one.tenants.insert(one.tenants.end(), static_cast<std::size_t>(planned.copies),
                         profile_of(alone->second, planned, set.tenants[i], results_.gpu_model));
      one.points.push_back({.job = std::string(planned.kind->name) + (planned.load > 0 ? " requests" : ""),
                            .where = place_of(set.planned, i),
                            .measured = measured_speed(planned, set.tenants[i], alone->second),
                            .host_part = 1 - alone->second.engine_active,
                            .item_ms = alone->second.step_ms});
    }
    add_pressures(one);
    return one;
  }

  static void add_pressures(Case& one) {
    double engines = 0;
    double memory = 0;
    for (const JobProfile& tenant : one.tenants) {
      engines += tenant.engine_active.mean;
      memory += tenant.dram_active.mean;
    }
    for (std::size_t i = 0; i < one.points.size(); ++i) {
      const double own = one.tenants[one.first[i]].dram_active.mean;
      one.points[i].memory_pressure = own * (memory - own);
      one.points[i].engine_pressure = engines;
    }
  }

  const SuiteResults& results_;
};

const SlowdownModel& model_named(std::string_view name) {
  const Result<const SlowdownModelInfo*> row = find_slowdown_model(name);
  GPUSCHED_CHECK(row.ok(), std::string(name));
  return *row.value()->model;
}

/// Relative speed of a planned job of a case.
double predicted_speed(const SlowdownModel& model, const Case& one, std::size_t job, const PerfConstants& constants) {
  std::vector<const JobProfile*> tenants;
  for (const JobProfile& tenant : one.tenants) {
    tenants.push_back(&tenant);
  }
  const Result<std::vector<double>> slowdown = model.predict(
      {.gpu_model = one.tenants[0].gpu_model, .profile = one.instance, .tenants = tenants, .load = LoadPoint::mean},
      constants);
  GPUSCHED_CHECK(slowdown.ok(), "a model where it does not apply");
  return 1 / slowdown.value()[one.first[job]];
}

/// The first half of the cases, in an order drawn by the seed, is what fits see.
std::vector<bool> drawn_half(std::size_t cases, std::uint64_t seed, std::uint64_t what) {
  std::vector<std::size_t> order(cases);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Philox(seed, StreamPurpose::order, what).shuffle(order);
  std::vector<bool> fitted(cases, false);
  for (std::size_t i = 0; i < (cases + 1) / 2; ++i) {
    fitted[order[i]] = true;
  }
  return fitted;
}

std::string half_rule(const std::vector<bool>& fitted, const char* what, std::uint64_t seed) {
  const auto seen = std::count(fitted.begin(), fitted.end(), true);
  return "Constants are fitted to " + std::to_string(seen) + " of " + std::to_string(fitted.size()) + " " + what +
         ", drawn with seed " + std::to_string(seed) + "; the others are held out";
}

Judgement judge_pairs(const std::vector<Case>& cases, std::uint64_t seed, PerfConstants& constants) {
  Judgement judgement{.title = "Two jobs, time slicing",
                      .model = "time-slice",
                      .rule = "",
                      .constants = {},
                      .points = {},
                      .limit = issue_limit};
  const SlowdownModel& model = model_named("time-slice");
  const std::vector<bool> fitted = drawn_half(cases.size(), seed, 1);
  judgement.rule = half_rule(fitted, "pairs", seed);
  std::vector<Observation> observations;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (std::size_t job = 0; fitted[i] && job < cases[i].points.size(); ++job) {
      observations.push_back({.group = "pairs",
                              .label = cases[i].points[job].job,
                              .measured = cases[i].points[job].measured,
                              .predict = [&one = cases[i], job, &model](const PerfConstants& c) {
                                return predicted_speed(model, one, job, c);
                              }});
    }
  }
  if (!observations.empty()) {
    constexpr std::array<std::string_view, 2> names = {"switch_tax", "bandwidth_weight"};
    const FitReport report = fit_constants("relative speed", names, constants, observations);
    constants = report.constants;
    judgement.constants = report.changes;
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (std::size_t job = 0; job < cases[i].points.size(); ++job) {
      JudgedPoint point = cases[i].points[job];
      point.predicted = predicted_speed(model, cases[i], job, constants);
      point.held_out = !fitted[i];
      judgement.points.push_back(std::move(point));
    }
  }
  return judgement;
}

/// Cases that no fit saw, predicted with constants found elsewhere.
Judgement judge_unseen(std::string title, std::string_view model_name, std::string rule, const std::vector<Case>& cases,
                       const PerfConstants& constants) {
  Judgement judgement{.title = std::move(title),
                      .model = std::string(model_name),
                      .rule = std::move(rule),
                      .constants = {},
                      .points = {},
                      .limit = {}};
  const SlowdownModel& model = model_named(model_name);
  for (const Case& one : cases) {
    for (std::size_t job = 0; job < one.points.size(); ++job) {
      JudgedPoint point = one.points[job];
      point.predicted = predicted_speed(model, one, job, constants);
      point.held_out = true;
      judgement.points.push_back(std::move(point));
    }
  }
  return judgement;
}

/// A job's demand under MPS is what it does to a copy of itself.
void give_mps_demands(const std::vector<Case>& pairs_of_copies, std::vector<Case>& cases) {
  std::map<std::string, double> demand;
  for (const Case& one : pairs_of_copies) {
    const double engine = one.tenants[0].engine_active.mean;
    demand[one.tenants[0].name] = engine > 0 ? std::max(0.0, (1 / one.points[0].measured - 1) / engine) : 0;
  }
  std::erase_if(cases, [&](const Case& one) {
    return std::any_of(one.tenants.begin(), one.tenants.end(),
                       [&](const JobProfile& tenant) { return demand.count(tenant.name) == 0; });
  });
  for (Case& one : cases) {
    for (JobProfile& tenant : one.tenants) {
      tenant.mps_demand = demand[tenant.name];
    }
  }
}

struct SliceCase {
  const JobAlone* alone;
  double compute;  // share of the SMs
  double speed;
  int sms;
};

std::vector<SliceCase> slice_cases(const SuiteResults& results) {
  std::vector<SliceCase> cases;
  const double device_sms = results.machine.number("device_sms").value_or(0);
  for (const MeasuredSet& set : results.sets) {
    if (set.planned.way != Way::slice || device_sms <= 0) {
      continue;
    }
    const auto alone = results.alone.find(std::string(set.planned.jobs[0].kind->name));
    // What the driver gave, not what was asked for.
    const double sms = set.jobs[0].number("sms").value_or(0);
    if (alone != results.alone.end() && sms > 0) {
      cases.push_back(
          {&alone->second, sms / device_sms, alone->second.step_ms / set.tenants[0].step_ms, static_cast<int>(sms)});
    }
  }
  return cases;
}

/// The compute part alone: all of the memory's bandwidth is there, whatever the SMs.
double compute_part_speed(const SliceCase& one, const PerfConstants& constants) {
  return 1 / training_slice_slowdown(one.alone->engine_active, one.alone->dram_active,
                                     {.compute = one.compute, .memory = 1}, constants);
}

Judgement judge_slices(const std::vector<SliceCase>& cases, std::uint64_t seed, PerfConstants& constants) {
  Judgement judgement{.title = "Slices at their compute part (raw green contexts)",
                      .model = "slice-training with all of the memory's bandwidth",
                      .rule = "",
                      .constants = {},
                      .points = {},
                      .limit = issue_limit};
  const std::vector<bool> fitted = drawn_half(cases.size(), seed, 2);
  judgement.rule = half_rule(fitted, "slices", seed);
  std::vector<Observation> observations;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (fitted[i]) {
      observations.push_back(
          {.group = "slices",
           .label = std::string(cases[i].alone->kind->name),
           .measured = cases[i].speed,
           .predict = [&one = cases[i]](const PerfConstants& c) { return compute_part_speed(one, c); }});
    }
  }
  if (!observations.empty()) {
    constexpr std::array<std::string_view, 2> names = {"latency_weight", "latency_exponent"};
    const FitReport report = fit_constants("relative speed", names, constants, observations);
    constants = report.constants;
    judgement.constants = report.changes;
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const JobAlone& alone = *cases[i].alone;
    judgement.points.push_back({.job = std::string(alone.kind->name),
                                .where = "on " + std::to_string(cases[i].sms) + " SMs",
                                .measured = cases[i].speed,
                                .predicted = compute_part_speed(cases[i], constants),
                                .held_out = !fitted[i],
                                .memory_pressure = alone.dram_active,
                                .engine_pressure = 1 / cases[i].compute,
                                .host_part = 1 - alone.engine_active,
                                .item_ms = alone.step_ms});
  }
  return judgement;
}

/// Raw speed at an SM count between those measured; nothing outside.
struct Interpolated {
  double speed;
  bool between;
};
std::optional<Interpolated> raw_speed(const std::map<int, double>& by_sms, int sms) {
  const auto above = by_sms.lower_bound(sms);
  if (above == by_sms.end()) {
    return std::nullopt;
  }
  if (above->first == sms) {
    return Interpolated{above->second, false};
  }
  if (above == by_sms.begin()) {
    return std::nullopt;
  }
  const auto below = std::prev(above);
  const double share = double(sms - below->first) / double(above->first - below->first);
  return Interpolated{below->second + share * (above->second - below->second), true};
}

std::vector<ModelledSlice> modelled_slices(const SuiteResults& results, const std::vector<SliceCase>& cases) {
  std::map<const JobAlone*, std::map<int, double>> speeds;
  for (const SliceCase& one : cases) {
    speeds[one.alone][one.sms] = one.speed;
  }
  const GpuModel& model = gpu_model(results.gpu_model);
  const double nominal = results.machine.number("memory_bytes_per_s").value_or(0);
  const auto stream = results.alone.find("stream");
  // What streaming reaches is what the memory gives; the nominal rate nobody reaches.
  const double rate = stream != results.alone.end() ? stream->second.bytes_per_s : nominal;
  std::vector<ModelledSlice> modelled;
  for (const auto& [alone, by_sms] : speeds) {
    for (const MigProfile& profile : model.profiles) {
      const std::optional<Interpolated> raw =
          profile.sm_count && !profile.is_label() ? raw_speed(by_sms, *profile.sm_count) : std::nullopt;
      if (!raw || rate <= 0) {
        continue;
      }
      const double share = slice_fractions(model, profile).memory;
      const double step_s = alone->step_ms / 1000;
      const double bytes_s = alone->bytes_per_s * step_s / (rate * share);
      modelled.push_back({.job = std::string(alone->kind->name),
                          .profile = std::string(profile.name),
                          .raw_speed = raw->speed,
                          .modelled_speed = step_s / std::max(step_s / raw->speed, bytes_s),
                          .interpolated = raw->between});
    }
  }
  std::sort(modelled.begin(), modelled.end(), [](const ModelledSlice& a, const ModelledSlice& b) {
    return a.job != b.job ? a.job < b.job : a.profile < b.profile;
  });
  return modelled;
}

bool works(const PlannedMeasurement& planned) {
  return std::all_of(planned.jobs.begin(), planned.jobs.end(), [](const PlannedJob& job) {
    return job.kind->work != Work::idle && job.kind->work != Work::holder;
  });
}
bool served(const PlannedMeasurement& planned) {
  return std::any_of(planned.jobs.begin(), planned.jobs.end(), [](const PlannedJob& job) { return job.load > 0; });
}
bool equal_copies(const PlannedMeasurement& planned) { return planned.jobs.size() == 1; }

}  // namespace

std::optional<double> Judgement::error(bool held_out) const {
  double sum = 0;
  int count = 0;
  for (const JudgedPoint& point : points) {
    if (point.held_out == held_out) {
      sum += std::abs(point.predicted - point.measured);
      ++count;
    }
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

std::optional<bool> Judgement::holds() const {
  const std::optional<double> held_out = error(true);
  return limit && held_out ? std::optional(*held_out <= *limit) : std::nullopt;
}

std::string likely_cause(const Judgement& judgement) {
  struct Feature {
    const char* text;
    double JudgedPoint::*member;
  };
  constexpr std::array<Feature, 4> features = {{
      {"memory traffic of the jobs", &JudgedPoint::memory_pressure},
      {"demand for the engine", &JudgedPoint::engine_pressure},
      {"the host's part of the job", &JudgedPoint::host_part},
      {"the length of an item", &JudgedPoint::item_ms},
  }};
  std::vector<const JudgedPoint*> held_out;
  for (const JudgedPoint& point : judgement.points) {
    if (point.held_out) {
      held_out.push_back(&point);
    }
  }
  const auto correlation = [&](double JudgedPoint::*member) {
    const auto n = static_cast<double>(held_out.size());
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (const JudgedPoint* point : held_out) {
      const double x = point->*member;
      const double y = point->predicted - point->measured;
      sx += x, sy += y, sxx += x * x, syy += y * y, sxy += x * y;
    }
    const double spread = (n * sxx - sx * sx) * (n * syy - sy * sy);
    return spread > 1e-18 ? (n * sxy - sx * sy) / std::sqrt(spread) : 0.0;
  };
  constexpr std::size_t enough = 6;
  constexpr double strong = 0.5;
  if (held_out.size() < enough) {
    return "Too few held-out points to say what their errors go with.";
  }
  const Feature* most = &features[0];
  for (const Feature& feature : features) {
    most = std::abs(correlation(feature.member)) > std::abs(correlation(most->member)) ? &feature : most;
  }
  const double strength = correlation(most->member);
  const std::string figure = std::to_string(std::abs(strength)).substr(0, 4);
  if (std::abs(strength) < strong) {
    return "The errors go with none of memory traffic, demand for the engine, the host's part or the length of an item "
           "(largest correlation " +
           figure + ").";
  }
  return std::string("The more ") + (most == &features[3] || most == &features[2] ? "of " : "") + most->text +
         ", the more the model predicts jobs too " + (strength > 0 ? "fast" : "slow") + " (correlation " + figure +
         ").";
}

SuiteJudgement judge_suite(const SuiteResults& results, std::uint64_t seed) {
  const CaseBuilder builder(results);
  const auto closed = [](const PlannedMeasurement& p) { return works(p) && !served(p); };
  SuiteJudgement judged;
  judged.seed = seed;
  judged.pairs = judge_pairs(
      builder.cases(Way::time_slice, [&](const PlannedMeasurement& p) { return closed(p) && p.processes() == 2; }),
      seed, judged.constants);
  judged.copies = judge_unseen(
      "Three to eight copies, time slicing", "time-slice", "Constants of the pairs; all points are held out",
      builder.cases(Way::time_slice, [&](const PlannedMeasurement& p) { return closed(p) && p.processes() > 2; }),
      judged.constants);
  judged.served = judge_unseen(
      "Requests beside others, time slicing", "time-slice", "Constants of the pairs; all points are held out",
      builder.cases(Way::time_slice, [&](const PlannedMeasurement& p) { return works(p) && served(p); }),
      judged.constants);
  const std::vector<SliceCase> slices = slice_cases(results);
  judged.slices = judge_slices(slices, seed, judged.constants);
  judged.instances = judge_unseen("MIG instances", "slice-training",
                                  "Constants of the slices, and MIG's tax as it is; all points are held out",
                                  builder.cases(Way::mig, closed), judged.constants);
  judged.modelled = modelled_slices(results, slices);
  std::vector<Case> beside = builder.cases(
      Way::mps, [&](const PlannedMeasurement& p) { return closed(p) && !(equal_copies(p) && p.processes() == 2); });
  give_mps_demands(
      builder.cases(Way::mps,
                    [&](const PlannedMeasurement& p) { return closed(p) && equal_copies(p) && p.processes() == 2; }),
      beside);
  judged.mps = judge_unseen("Under MPS", "mps",
                            "Each job's demand is what it does to a copy of itself; all other points are held out",
                            beside, judged.constants);
  return judged;
}

}  // namespace gpusched::suite
