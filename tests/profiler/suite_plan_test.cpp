#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "gpusched/profiler/suite/measurement_plan.hpp"

namespace gpusched::suite {
namespace {

const PlanTarget h100{.slice_sms = {16, 32, 56, 64}, .mig_profiles = {}, .mps = true};

TEST(SuitePlanTest, AMeasurementIsReadBackFromItsText) {
  for (const char* text : {"alone conv", "slice:16 stream", "mig:1g.10gb conv repetition=2",
                           "time_slice decode-8@0.5 2*stream seconds=2.5", "mps 8*gemm-bf16-small"}) {
    const Result<PlannedMeasurement> read = parse_measurement(text);
    ASSERT_TRUE(read.ok()) << read.error().to_string();
    EXPECT_EQ(read.value().text(), text);
  }
  EXPECT_EQ(parse_measurement("  time_slice   1*conv\tstream ").value().text(), "time_slice conv stream");
}

TEST(SuitePlanTest, EachMeasurementOfThePlanIsReadBackAndThereOnce) {
  std::set<std::string> texts;
  for (const PlannedMeasurement& measurement : default_plan(h100)) {
    const std::string text = measurement.text();
    EXPECT_TRUE(texts.insert(text).second) << text;
    const Result<PlannedMeasurement> read = parse_measurement(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.error().to_string();
    EXPECT_EQ(read.value(), measurement) << text;
  }
}

TEST(SuitePlanTest, BadMeasurementsAreNamed) {
  for (const auto& [text, named] :
       std::vector<std::pair<std::string, std::string>>{{"", "''"},
                                                        {"beside conv", "'beside'"},
                                                        {"alone", "'alone'"},
                                                        {"alone conv stream", "nobody shares"},
                                                        {"alone:3 conv", "no part"},
                                                        {"slice conv", "Name the part"},
                                                        {"slice:many conv", "'many'"},
                                                        {"time_slice fast", "'fast'"},
                                                        {"time_slice 17*conv", "'17*conv'"},
                                                        {"time_slice 9*conv 8*stream", "1 to 16"},
                                                        {"time_slice conv@1.5", "'conv@1.5'"},
                                                        {"time_slice idle@0.5", "serves no requests"},
                                                        {"time_slice conv seconds=0", "'seconds=0'"},
                                                        {"time_slice conv repetition=none", "'repetition=none'"}}) {
    const Result<PlannedMeasurement> read = parse_measurement(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_NE(read.error().to_string().find(named), std::string::npos) << text << ": " << read.error().to_string();
  }
}

TEST(SuitePlanTest, APlanFileNamesItsBadLine) {
  const auto plan = read_plan("# what matters\nalone conv\n\n  time_slice conv stream # a pair\n", "plan.txt");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan.value().size(), 2U);
  const auto bad = read_plan("alone conv\r\nalone cnov", "plan.txt");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().to_string().rfind("plan.txt:2: ", 0), 0U) << bad.error().to_string();
}

TEST(SuitePlanTest, ThePlanHoldsWhatTheSuitePromises) {
  const std::vector<PlannedMeasurement> plan = default_plan(h100);
  std::set<std::string> texts;
  for (const PlannedMeasurement& measurement : plan) {
    texts.insert(measurement.text());
  }
  const auto has = [&](const std::string& text) { return texts.count(text) == 1; };
  int kinds = 0;
  int pairs = 0;
  for (const JobKindInfo& a : job_kinds()) {
    if (!a.in_pairs) {
      continue;
    }
    ++kinds;
    EXPECT_TRUE(has("alone " + std::string(a.name)));
    EXPECT_TRUE(has("slice:16 " + std::string(a.name)));
    EXPECT_TRUE(has("time_slice 2*" + std::string(a.name)));
    for (const JobKindInfo& b : job_kinds()) {
      pairs += has("time_slice " + std::string(a.name) + " " + std::string(b.name));
    }
  }
  EXPECT_EQ(pairs, kinds * (kinds - 1) / 2) << "every pair once";
  for (int copies = 2; copies <= 8; ++copies) {
    EXPECT_TRUE(has("time_slice " + std::to_string(copies) + "*gemm-bf16-large"));
  }
  for (const char* text : {"alone decode-8@0.1 seconds=2.5", "alone conv@0.9 seconds=2.5", "time_slice 4*idle",
                           "time_slice launches@0.2 gemm-fp32-long seconds=2", "mps gemm-bf16-large stream",
                           "time_slice holder gemm-bf16-large", "alone conv repetition=3"}) {
    EXPECT_TRUE(has(text)) << text;
  }
  const auto first_slice = std::find_if(plan.begin(), plan.end(), [](const auto& m) { return m.way == Way::slice; });
  const auto last_alone = std::find_if(plan.rbegin(), plan.rend(), [](const auto& m) {
    return m.way == Way::alone && m.repetition == 1 && m.jobs[0].load == 0;
  });
  EXPECT_LT(plan.rend() - last_alone, first_slice - plan.begin() + 1) << "nothing is worth anything without alone";
}

TEST(SuitePlanTest, CublasIsMeasuredWhereTheMachineHasIt) {
  const auto uses_it = [](const PlannedMeasurement& measurement) {
    return measurement.jobs[0].kind->work == Work::gemm_cublas;
  };
  PlanTarget with = h100;
  with.cublas = true;
  const std::vector<PlannedMeasurement> plan = default_plan(with);
  EXPECT_EQ(std::count_if(plan.begin(), plan.end(), uses_it), 4);
  const std::vector<PlannedMeasurement> without = default_plan(h100);
  EXPECT_EQ(std::count_if(without.begin(), without.end(), uses_it), 0);
}

TEST(SuitePlanTest, MpsAndMigFollowTheMachine) {
  PlanTarget without = h100;
  without.mps = false;
  for (const PlannedMeasurement& measurement : default_plan(without)) {
    EXPECT_NE(measurement.way, Way::mps);
  }
  for (const PlannedMeasurement& measurement : default_plan({.slice_sms = {16}, .mig_profiles = {"1g.10gb"}})) {
    EXPECT_EQ(measurement.way, Way::mig) << "with MIG on there is no whole GPU";
  }
}

TEST(SuitePlanTest, SlicesHaveTheSmsOfProfilesAsGreenContextsCan) {
  // 1g 16, 2g 32, 3g 60 between 56 and 64, 4g 64 (gpu_catalog_hopper.cpp).
  EXPECT_EQ(green_context_sms("NVIDIA H100 80GB HBM3"), (std::vector<int>{16, 32, 56, 64}));
  EXPECT_EQ(green_context_sms("NVIDIA H200"), (std::vector<int>{16, 32, 56, 64}));
  EXPECT_TRUE(green_context_sms("GeForce 256").empty());
}

}  // namespace
}  // namespace gpusched::suite
