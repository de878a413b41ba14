// Results of a known law: the analysis has to find its constants again, and to call another law a miss.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "gpusched/io/job_profile_json.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/slice_speed.hpp"
#include "gpusched/profiler/analysis/judgement.hpp"
#include "gpusched/profiler/analysis/suite_exports.hpp"
#include "gpusched/profiler/profile_file.hpp"
#include "gpusched/profiler/suite/measurement_plan.hpp"

#include "temporary_folder.hpp"

namespace gpusched::suite {
namespace {

constexpr double device_sms = 132;
constexpr double memory_rate = 3e12;

/// What a made-up job is like: its item alone, u and m.
struct MadeUp {
  double item_ms, u, m;
};
MadeUp made_up(const JobKindInfo& kind) {
  const auto index = static_cast<double>(&kind - job_kinds().data());
  return {.item_ms = 0.2 + 0.13 * index, .u = 1 - 0.04 * std::fmod(index, 5), .m = 0.09 * std::fmod(index * 7, 10)};
}

/// Slowdown of a planned job of a measurement against alone.
using Law = std::function<double(const PlannedMeasurement&, std::size_t)>;

/// tax x everybody's engine time, and a price for memory traffic: docs/models/slowdown.md with other constants.
double known_law(const PlannedMeasurement& planned, std::size_t index) {
  const MadeUp own = made_up(*planned.jobs[index].kind);
  if (planned.way == Way::slice) {
    const double c = planned.sms / device_sms;
    return std::max(1.0, (1 - own.u) + 0.85 * std::max(0.0, own.u - own.m) / std::pow(c, 0.9) + own.m);
  }
  double engines = 0;
  double memory = -own.m;
  for (const PlannedJob& job : planned.jobs) {
    engines += job.copies * made_up(*job.kind).u;
    memory += job.copies * made_up(*job.kind).m;
  }
  return planned.processes() == 1 ? 1 : (1 + 0.25 * own.m * memory) * std::max(1.0, 1.2 * engines);
}

class AnalysisJudgementTest : public testing::Test {
 protected:
  /// Writes what the default plan would measure if GPUs followed this law. Requests are left out.
  SuiteResults measured_by(const Law& law) {
    std::ofstream out(folder_ / "results.jsonl");
    out << FlatObject()
               .set("line", "suite")
               .set("gpu", "NVIDIA H100 80GB HBM3")
               .set("uuid", "made up")
               .set("device_sms", device_sms)
               .set("memory_bytes_per_s", memory_rate)
               .line()
        << "\n";
    for (const PlannedMeasurement& planned : default_plan({.slice_sms = {16, 32, 56, 64}, .mig_profiles = {}})) {
      bool skipped = false;
      for (const PlannedJob& job : planned.jobs) {
        skipped = skipped || job.load > 0;
      }
      if (!skipped) {
        write(out, planned, law);
      }
    }
    out.close();
    Result<SuiteResults> results = read_suite_results(folder_.path());
    EXPECT_TRUE(results.ok()) << results.error().to_string();
    return std::move(results.value());
  }

  static void write(std::ostream& out, const PlannedMeasurement& planned, const Law& law) {
    int process = 0;
    for (std::size_t i = 0; i < planned.jobs.size(); ++i) {
      const MadeUp own = made_up(*planned.jobs[i].kind);
      for (int copy = 0; copy < planned.jobs[i].copies; ++copy, ++process) {
        out << FlatObject()
                   .set("line", "job")
                   .set("id", planned.text())
                   .set("index", static_cast<int>(i))
                   .set("items_per_s", 1000 / (own.item_ms * law(planned, i)))
                   .set("items", 1000.0)
                   .set("seconds", 1)
                   .set("device_busy", own.u)
                   .set("bytes_per_item", own.m * memory_rate * own.item_ms / 1000)
                   .set("footprint_mib", 512)
                   .set("free_mib", 80'000.0 - 450 * process)
                   .set("sms", planned.sms)
                   .line()
            << "\n";
      }
    }
    out << FlatObject().set("line", "end").set("id", planned.text()).set("status", "ok").set("at", "2026").line()
        << "\n";
  }

  /// Goes on with what `measured_by` wrote: the same GPU with MIG on, where a process sees its instance alone.
  SuiteResults measured_on_instances_by(const std::function<double(const PlannedMeasurement&, SliceFractions)>& law) {
    std::ofstream out(folder_ / "results.jsonl", std::ios::app);
    out << FlatObject()
               .set("line", "suite")
               .set("gpu", "NVIDIA H100 80GB HBM3")
               .set("uuid", "made up")
               .set("mig_enabled", true)
               .set("device_sms", 16)
               .set("memory_bytes_per_s", memory_rate / 8)
               .line()
        << "\n";
    const GpuModelId h100 = find_gpu_model("H100-80GB-SXM5").value();
    for (const PlannedMeasurement& planned :
         default_plan({.slice_sms = {}, .mig_profiles = {"1g.10gb", "2g.20gb", "3g.40gb"}})) {
      const MigProfileId profile = find_mig_profile(h100, planned.mig_profile).value();
      const SliceFractions slice = slice_fractions(gpu_model(h100), gpu_model(h100).profiles[profile.value]);
      write(out, planned, [&](const PlannedMeasurement&, std::size_t) { return law(planned, slice); });
    }
    out.close();
    return read_suite_results(folder_.path()).value();
  }

  void append(const std::string& line) { std::ofstream(folder_ / "results.jsonl", std::ios::app) << line << "\n"; }

  test::TemporaryFolder folder_;
};

double after(const Judgement& judgement, std::string_view name) {
  for (const FittedConstant& constant : judgement.constants) {
    if (constant.name == name) {
      return constant.determined ? constant.after : std::nan("");
    }
  }
  return std::nan("");
}

TEST_F(AnalysisJudgementTest, AKnownLawIsFoundAgain) {
  const SuiteResults results = measured_by(known_law);
  const SuiteJudgement judged = judge_suite(results, 1);
  EXPECT_NEAR(after(judged.pairs, "switch_tax"), 0.2, 0.002);
  EXPECT_NEAR(after(judged.pairs, "bandwidth_weight"), 0.25, 0.01);
  EXPECT_LT(*judged.pairs.error(true), 0.002);
  EXPECT_EQ(judged.pairs.holds(), true);
  EXPECT_LT(*judged.copies.error(true), 0.002) << "constants of pairs hold for eight copies of the same law";
  EXPECT_NEAR(after(judged.slices, "latency_weight"), 0.85, 0.01);
  EXPECT_NEAR(after(judged.slices, "latency_exponent"), 0.9, 0.01);
  EXPECT_LT(*judged.slices.error(true), 0.002);
  EXPECT_NEAR(judged.constants.switch_tax, 0.2, 0.002) << "one set of constants comes out";
  EXPECT_NEAR(judged.constants.latency_weight, 0.85, 0.01);
}

TEST_F(AnalysisJudgementTest, InstancesAreJudgedAgainstTheWholeGpuOfTheSameFolder) {
  const PerfConstants defaults{};
  const auto law = [&](const PlannedMeasurement& planned, SliceFractions slice) {
    const MadeUp own = made_up(*planned.jobs[0].kind);
    const double latency = 0.85 * std::max(0.0, own.u - own.m) / std::pow(slice.compute, 0.9);
    return defaults.mig_tax * std::max(1.0, (1 - own.u) + latency + own.m / slice.memory);
  };
  EXPECT_TRUE(judge_suite(measured_by(known_law), 1).instances.points.empty());
  const SuiteResults results = measured_on_instances_by(law);
  const SuiteJudgement judged = judge_suite(results, 1);
  EXPECT_GE(judged.instances.points.size(), 30U);
  EXPECT_LT(*judged.instances.error(true), 0.002);
  EXPECT_EQ(judged.instances.points[0].where.substr(0, 3), "on ") << judged.instances.points[0].where;
  EXPECT_LT(*judged.slices.error(true), 0.002) << "SMs are counted against the GPU, not against the instance";
  EXPECT_NE(suite_page(results, judged, "t").find("MIG instances"), std::string::npos);

  measured_by(known_law);
  const auto other_law = [&](const PlannedMeasurement& planned, SliceFractions slice) {
    return 2 * law(planned, slice);
  };
  EXPECT_GT(*judge_suite(measured_on_instances_by(other_law), 1).instances.error(true), 0.1);
}

TEST_F(AnalysisJudgementTest, AnotherLawIsAMiss) {
  const SuiteResults results = measured_by([](const PlannedMeasurement& planned, std::size_t index) {
    // Whoever moves memory starves its neighbour; SMs hardly matter.
    const double own = made_up(*planned.jobs[index].kind).m;
    return planned.way == Way::slice ? 1 + 2 * own : planned.processes() > 1 ? 1 + 8 * own * own : 1.0;
  });
  const SuiteJudgement judged = judge_suite(results, 1);
  EXPECT_EQ(judged.pairs.holds(), false) << *judged.pairs.error(true);
  EXPECT_EQ(judged.slices.holds(), false) << *judged.slices.error(true);
  EXPECT_NE(suite_page(results, judged, "t").find("MISSED"), std::string::npos);
  EXPECT_NE(likely_cause(judged.slices).find("memory traffic"), std::string::npos) << likely_cause(judged.slices);
}

TEST_F(AnalysisJudgementTest, HalfIsHeldOutAndTheSeedDrawsIt) {
  const SuiteResults results = measured_by(known_law);
  const auto held_out = [](const Judgement& judgement) {
    std::string text;
    for (const JudgedPoint& point : judgement.points) {
      text += point.held_out ? 'h' : 'f';
    }
    return text;
  };
  const SuiteJudgement first = judge_suite(results, 1);
  EXPECT_EQ(held_out(first.slices), held_out(judge_suite(results, 1).slices));
  EXPECT_NE(held_out(first.slices), held_out(judge_suite(results, 2).slices));
  const std::string slices = held_out(first.slices);
  EXPECT_EQ(std::count(slices.begin(), slices.end(), 'h') * 2, static_cast<long>(slices.size()));
  EXPECT_NE(first.slices.rule.find("seed 1"), std::string::npos) << first.slices.rule;
  // Both jobs of a pair are on the same side: the fit would see half of a measurement it is tested on.
  std::map<std::string, bool> side;
  std::size_t i = 0;
  for (const MeasuredSet& set : results.sets) {
    if (set.planned.way == Way::time_slice && set.planned.processes() == 2 && set.planned.jobs[0].kind->in_pairs) {
      for (std::size_t job = 1; job < set.planned.jobs.size(); ++job) {
        EXPECT_EQ(first.pairs.points[i].held_out, first.pairs.points[i + job].held_out) << set.planned.text();
      }
      i += set.planned.jobs.size();
    }
  }
  EXPECT_EQ(i, first.pairs.points.size());
}

TEST_F(AnalysisJudgementTest, TwoCopiesGiveTheMpsDemandThatPairsAreJudgedWith) {
  const SuiteResults results = measured_by([](const PlannedMeasurement& planned, std::size_t index) {
    if (planned.way != Way::mps) {
      return known_law(planned, index);
    }
    double others = 0;  // each adds half of its m
    for (std::size_t i = 0; i < planned.jobs.size(); ++i) {
      others += (planned.jobs[i].copies - (i == index ? 1 : 0)) * 0.5 * made_up(*planned.jobs[i].kind).m;
    }
    return 1 + made_up(*planned.jobs[index].kind).u * others;
  });
  const SuiteJudgement judged = judge_suite(results, 1);
  EXPECT_GT(judged.mps.points.size(), 20U);
  EXPECT_LT(*judged.mps.error(true), 0.002);
}

TEST_F(AnalysisJudgementTest, ContextMemoryIsWhatEachIdleProcessTakesMore) {
  EXPECT_EQ(measured_by(known_law).context_mib, 450);
}

TEST_F(AnalysisJudgementTest, ModelledSlicesAreHeldToTheirBandwidthAndListedApart) {
  const SuiteResults results = measured_by(known_law);
  const SuiteJudgement judged = judge_suite(results, 1);
  ASSERT_FALSE(judged.modelled.empty());
  for (const ModelledSlice& slice : judged.modelled) {
    EXPECT_LE(slice.modelled_speed, slice.raw_speed + 1e-12) << slice.job << " " << slice.profile;
    // 1g.10gb has an eighth of the bandwidth: what moves memory all the time gets no more than that.
    if (slice.job == "stream" && slice.profile == "1g.10gb") {
      EXPECT_NEAR(slice.modelled_speed, 0.125, 0.001);
    }
    // 26 and 60 SMs lie between those that green contexts have.
    EXPECT_EQ(slice.interpolated, slice.profile == "1g.20gb" || slice.profile == "3g.40gb") << slice.profile;
  }
  const std::string measured = measurements_csv(results);
  EXPECT_EQ(measured.find("1g.10gb"), std::string::npos) << "a green context is no MIG instance";
  const std::string modelled = modelled_csv(results, judged.modelled);
  EXPECT_NE(modelled.find(",1g.10gb,exclusive,1,"), std::string::npos);
  EXPECT_NE(modelled.find(",x_modelled\n"), std::string::npos);
  EXPECT_NE(suite_page(results, judged, "t").find("Not measured."), std::string::npos);
}

TEST_F(AnalysisJudgementTest, ProfilesAreWhatEverythingElseReads) {
  const SuiteResults results = measured_by(known_law);
  const std::vector<profiler::MeasuredJob> jobs = measured_jobs(results);
  const std::string text = profiler::write_profile_file(jobs);
  const auto profiles = read_job_profiles(text, "suite.json");
  ASSERT_TRUE(profiles.ok()) << profiles.error().to_string();
  ASSERT_EQ(profiles.value().size(), jobs.size());
  const auto conv = std::find_if(profiles.value().begin(), profiles.value().end(),
                                 [](const JobProfile& profile) { return profile.name == "suite-conv"; });
  ASSERT_NE(conv, profiles.value().end());
  const MadeUp expected = made_up(*find_job_kind("conv").value());
  EXPECT_NEAR(conv->engine_active.mean, expected.u, 1e-6);
  EXPECT_NEAR(conv->dram_active.mean, expected.m, 1e-6);
  EXPECT_EQ(conv->memory_peak_mib, 512);
  EXPECT_NE(text.find("No counters were read"), std::string::npos) << "estimates say that they are";
  EXPECT_NE(text.find("\"repetitions\": 3"), std::string::npos);
}

TEST_F(AnalysisJudgementTest, FailedAndThrottledMeasurementsAreNamedAndNotUsed) {
  measured_by(known_law);
  append(R"({"line": "job", "id": "alone gemm-fp32-long", "index": 0, "items_per_s": 10})");
  append(R"({"line": "end", "id": "alone gemm-fp32-long", "status": "ok", "samples": 10, "throttled_samples": 5})");
  append(R"({"line": "end", "id": "alone conv@0.5", "status": "failed", "problem": "<b>boom</b>"})");
  append(R"({"line": "job", "id": "slice:8 conv", "index": 0)");  // torn: no newline would follow in life
  EXPECT_FALSE(read_suite_results(folder_.path()).ok()) << "a line in the middle that is none is no tail";
  measured_by(known_law);
  append(R"({"line": "job", "id": "alone gemm-fp32-long", "index": 0, "items_per_s": 10})");
  append(R"({"line": "end", "id": "alone gemm-fp32-long", "status": "ok", "samples": 10, "throttled_samples": 5})");
  append(R"({"line": "end", "id": "alone conv@0.5", "status": "failed", "problem": "<b>boom</b>"})");
  const SuiteResults results = read_suite_results(folder_.path()).value();
  EXPECT_EQ(results.find("alone gemm-fp32-long"), nullptr);
  ASSERT_EQ(results.unused.size(), 2U);
  const std::string page = suite_page(results, judge_suite(results, 1), "t");
  EXPECT_NE(page.find("clocks down in 50 % of the samples"), std::string::npos);
  EXPECT_NE(page.find("&lt;b&gt;boom"), std::string::npos);
  EXPECT_EQ(page.find("<b>boom"), std::string::npos);
}

TEST_F(AnalysisJudgementTest, ThePageIsSelfContainedAndEscapesItsTitle) {
  const SuiteResults results = measured_by(known_law);
  const std::string page = suite_page(results, judge_suite(results, 1), "</title><script>alert(1)</script>");
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(page.find("<svg"), std::string::npos);
}

TEST_F(AnalysisJudgementTest, NothingMeasuredIsAnErrorThatSaysWhy) {
  EXPECT_FALSE(read_suite_results(folder_.path()).ok());
  append(R"({"line": "suite", "gpu": "NVIDIA H100 80GB HBM3"})");
  append(R"({"line": "end", "id": "alone conv", "status": "failed", "problem": "the job hung"})");
  const auto results = read_suite_results(folder_.path());
  ASSERT_FALSE(results.ok());
  EXPECT_NE(results.error().to_string().find("the job hung"), std::string::npos) << results.error().to_string();
}

}  // namespace
}  // namespace gpusched::suite
