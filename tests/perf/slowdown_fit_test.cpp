// Fits on measurements made from known constants: what went in must come out.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"
#include "gpusched/perf/slowdown_models.hpp"

namespace gpusched {
namespace {

GpuModelId a100() { return find_gpu_model("A100-80GB").value(); }

Measurement row(std::string job, double time_ms) {
  Measurement m;
  m.job = m.group = std::move(job);
  m.gpu_model = a100();
  m.time_ms = time_ms;
  return m;
}

FitReport fit(std::string_view model, const std::vector<Measurement>& rows) {
  return find_slowdown_model(model).value()->model->fit(rows, PerfConstants{}).value();
}

double constant(const FitReport& report, std::string_view name) {
  for (const FittedConstant& change : report.changes) {
    if (change.name == name) {
      EXPECT_TRUE(change.determined) << name;
      return change.after;
    }
  }
  ADD_FAILURE() << name << " was not fitted";
  return std::nan("");
}

bool determined(const FitReport& report, std::string_view name) {
  for (const FittedConstant& change : report.changes) {
    if (change.name == name) {
      return change.determined;
    }
  }
  return false;
}

/// Training jobs on every size by the law with these constants.
std::vector<Measurement> training_rows(const PerfConstants& truth, bool whole_gpu) {
  std::vector<Measurement> rows;
  const GpuModel& model = gpu_model(a100());
  int job = 0;
  for (const double u : {0.5, 0.7, 0.9, 0.99}) {
    for (const double m : {0.05, 0.3, 0.45}) {
      Measurement base = row("job" + std::to_string(job++), 100);
      base.engine_active = u;
      base.dram_active = m;
      if (whole_gpu) {
        rows.push_back(base);
      }
      for (const char* name : {"1g.10gb", "2g.20gb", "3g.40gb", "7g.80gb"}) {
        Measurement one = base;
        one.profile = find_mig_profile(a100(), name).value();
        const SliceFractions slice = slice_fractions(model, model.profiles[one.profile->value]);
        one.time_ms = 100 * truth.mig_tax * training_slice_slowdown(u, m, slice, truth);
        rows.push_back(one);
      }
    }
  }
  return rows;
}

TEST(SlowdownFitTest, FindsTheConstantsOfTrainingOnSlices) {
  PerfConstants truth;
  truth.latency_weight = 0.95;
  truth.latency_exponent = 0.5;
  truth.mig_tax = 1.06;
  const FitReport report = fit("slice-training", training_rows(truth, true));
  EXPECT_NEAR(constant(report, "latency_weight"), 0.95, 1e-4);
  EXPECT_NEAR(constant(report, "latency_exponent"), 0.5, 1e-4);
  EXPECT_NEAR(constant(report, "mig_tax"), 1.06, 1e-4);
  EXPECT_EQ(report.points.size(), 48U);
  EXPECT_LT(fitted_errors(report.points).mean_absolute, 1e-5);
  EXPECT_LT(held_out_errors(report.points).mean_absolute, 1e-4);
}

TEST(SlowdownFitTest, WhatTheDataDoNotSayStaysAsItWas) {
  const FitReport report = fit("slice-training", training_rows(PerfConstants{}, false));
  EXPECT_FALSE(determined(report, "mig_tax")) << "the whole GPU was not measured";
  EXPECT_EQ(report.constants.mig_tax, PerfConstants{}.mig_tax);
  EXPECT_EQ(report.points.size(), 36U);
}

TEST(SlowdownFitTest, HeldOutPredictionsDoNotSeeTheirGroup) {
  std::vector<Measurement> rows = training_rows(PerfConstants{}, false);
  for (Measurement& one : rows) {
    if (one.job == "job0" && gpu_model(a100()).profiles[one.profile->value].compute_slices < 7) {
      one.time_ms *= 10;  // nothing like the others
    }
  }
  const FitReport report = fit("slice-training", rows);
  for (const FitPoint& point : report.points) {
    if (point.group == "job0") {
      EXPECT_GT(*point.held_out, 8 * point.measured) << "the fit without job0 knows nothing of its trouble";
    }
  }
  EXPECT_GT(held_out_errors(report.points).mean_absolute, fitted_errors(report.points).mean_absolute);
}

TEST(SlowdownFitTest, InferenceIsPredictedFromItsSmallestAndLargestSize) {
  std::vector<Measurement> rows;
  for (const auto& [name, time_ms] :
       {std::pair{"1g.10gb", 90.0}, {"2g.20gb", 50.0}, {"4g.40gb", 33.0}, {"7g.80gb", 30.0}}) {
    Measurement one = row("resnet", time_ms);
    one.kind = JobKind::service;
    one.profile = find_mig_profile(a100(), name).value();
    rows.push_back(one);
  }
  const FitReport report = fit("slice-inference", rows);
  ASSERT_EQ(report.points.size(), 2U);
  EXPECT_DOUBLE_EQ(report.points[0].fitted, 45) << "T(1) / 2";
  EXPECT_DOUBLE_EQ(report.points[1].fitted, 30) << "T(7)";
  EXPECT_NEAR(fitted_errors(report.points).mean_percent, (10 + 100.0 * 3 / 33) / 2, 1e-9);
}

/// Pairs and triples of jobs that take turns by the law with these constants.
std::vector<Measurement> time_slice_rows(const PerfConstants& truth, std::optional<MigProfileId> profile) {
  std::vector<Measurement> rows;
  const GpuModel& model = gpu_model(a100());
  const std::vector<std::pair<double, double>> jobs = {{0.9, 0.7}, {0.7, 0.2}, {1, 0.5}, {0.8, 0.6}};
  std::vector<TenantDemand> demands;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Measurement alone = row("job" + std::to_string(i), 40);
    alone.engine_active = jobs[i].first;
    alone.dram_active = jobs[i].second;
    rows.push_back(alone);
    TenantDemand demand{.engine_active_milli = static_cast<std::int32_t>(std::lround(jobs[i].first * 1000)),
                        .dram_active_milli = static_cast<std::int32_t>(std::lround(jobs[i].second * 1000))};
    if (profile) {
      const double k =
          truth.mig_tax * training_slice_slowdown(jobs[i].first, jobs[i].second,
                                                  slice_fractions(model, model.profiles[profile->value]), truth);
      demand = on_slice(demand, to_milli(k));
    }
    demands.push_back(demand);
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::vector<TenantDemand> tenants = {demands[i], demands[j], demands[j]};
      std::vector<double> slowdown(3);
      time_slice_slowdown(tenants, truth, slowdown);
      for (const std::size_t member : {0U, 1U}) {
        Measurement one = rows[member == 0 ? i : j];
        one.set = "set" + std::to_string(i) + std::to_string(j);
        one.sharing = MeasuredSharing::time_slice;
        one.profile = profile;
        one.copies = member == 0 ? 1 : 2;
        one.time_ms = 40 * slowdown[member];
        rows.push_back(one);
      }
    }
  }
  return rows;
}

TEST(SlowdownFitTest, FindsTheCostOfSwitchingAndOfSharedBandwidth) {
  PerfConstants truth;
  truth.switch_tax = 0.2;
  truth.bandwidth_weight = 0.3;
  for (const std::optional<MigProfileId>& profile :
       {std::optional<MigProfileId>{}, std::optional(find_mig_profile(a100(), "3g.40gb").value())}) {
    const FitReport report = fit(profile ? "time-sliced-mig" : "time-slice", time_slice_rows(truth, profile));
    EXPECT_EQ(report.points.size(), 12U);
    EXPECT_NEAR(constant(report, "switch_tax"), 0.2, 1e-4);
    EXPECT_NEAR(constant(report, "bandwidth_weight"), 0.3, 1e-4);
    EXPECT_LT(held_out_errors(report.points).mean_percent, 0.1);
  }
}

TEST(SlowdownFitTest, FindsMpsDemandsFromPairsAndTestsThemOnLargerSets) {
  std::vector<Measurement> rows;
  const std::vector<double> demands = {0.2, 0.5, 0.8};
  for (std::size_t i = 0; i < demands.size(); ++i) {
    rows.push_back(row("job" + std::to_string(i), 10));
  }
  const auto add = [&](const std::string& set, const std::vector<std::size_t>& jobs) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Measurement one = rows[jobs[i]];
      one.set = set;
      one.sharing = MeasuredSharing::mps;
      one.time_ms = 10;
      for (std::size_t k = 0; k < jobs.size(); ++k) {
        one.time_ms += k == i ? 0 : 10 * demands[jobs[k]];
      }
      rows.push_back(one);
    }
  };
  add("a", {0, 1});
  add("b", {1, 2});
  add("c", {0, 1, 2});
  const FitReport report = fit("mps", rows);
  ASSERT_EQ(report.demands.size(), 3U);
  for (std::size_t i = 0; i < demands.size(); ++i) {
    EXPECT_NEAR(report.demands[i].mps_demand, demands[i], 1e-9) << report.demands[i].job;
  }
  EXPECT_EQ(report.points.size(), 7U);
  const FitErrors held_out = held_out_errors(report.points);
  EXPECT_EQ(held_out.points, 3U);
  EXPECT_LT(held_out.mean_percent, 1e-6);
}

}  // namespace
}  // namespace gpusched
