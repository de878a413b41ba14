// What every row of the table of slowdown models keeps.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slowdown_models.hpp"

namespace gpusched {
namespace {

JobProfile job(JobKind kind, double busy) {
  JobProfile profile;
  profile.name = to_string(kind);
  profile.kind = kind;
  profile.gpu_model = find_gpu_model("H100-80GB-SXM5").value();
  profile.engine_active.mean = busy;
  profile.sm_active = Activity{.mean = 0.6};
  profile.dram_active.mean = 0.4 * busy;
  profile.memory_peak_mib = 4000;
  if (kind == JobKind::service) {
    profile.request_load = Activity{.mean = 0.1};
    profile.service_time_ms = 20;
  }
  return profile;
}

class SlowdownModelContractTest : public testing::TestWithParam<const SlowdownModelInfo*> {
 protected:
  /// Whether the model speaks of this partition, and if so, whether what it says is sane.
  static bool applies(const SharedPartition& partition) {
    const Result<std::vector<double>> predicted = GetParam()->model->predict(partition, PerfConstants{});
    if (!predicted) {
      EXPECT_EQ(predicted.error().code, ErrorCode::unsupported);
      EXPECT_FALSE(predicted.error().remedy.empty());
      return false;
    }
    EXPECT_EQ(predicted.value().size(), partition.tenants.size());
    for (const double slowdown : predicted.value()) {
      EXPECT_GE(slowdown, 1);
      EXPECT_LE(slowdown, saturated_slowdown);
    }
    return true;
  }
};

TEST_P(SlowdownModelContractTest, SaysWhatItNeedsWhereItHoldsAndHowFarItIsOff) {
  const SlowdownModelInfo& row = *GetParam();
  for (const std::string_view text : {row.name, row.description, row.needs, row.validity, row.error, row.source}) {
    EXPECT_GE(text.size(), 3U) << row.name;
  }
  EXPECT_EQ(find_slowdown_model(row.name).value(), &row);
}

TEST_P(SlowdownModelContractTest, PredictsPlausibleSlowdownsWhereItApplies) {
  const JobProfile closed = job(JobKind::closed, 0.9);
  const JobProfile service = job(JobKind::service, 1);
  const MigProfileId slice = find_mig_profile(closed.gpu_model, "2g.20gb").value();
  int applied = 0;
  for (const std::optional<MigProfileId>& profile : {std::optional<MigProfileId>{}, std::optional(slice)}) {
    for (const std::vector<const JobProfile*>& tenants :
         {std::vector{&closed}, std::vector{&service}, std::vector{&closed, &closed}, std::vector{&closed, &service}}) {
      for (const LoadPoint load : {LoadPoint::mean, LoadPoint::planned}) {
        applied += applies({closed.gpu_model, profile, tenants, load}) ? 1 : 0;
      }
    }
  }
  EXPECT_GT(applied, 0) << "the model applies to nothing";
}

TEST_P(SlowdownModelContractTest, PlansForAHighLoad) {
  const JobProfile service = job(JobKind::service, 1);
  const std::vector<const JobProfile*> tenants = {&service};
  for (const std::optional<MigProfileId>& profile :
       {std::optional<MigProfileId>{}, std::optional(find_mig_profile(service.gpu_model, "3g.40gb").value())}) {
    const auto at = [&](LoadPoint load) {
      return GetParam()->model->predict({service.gpu_model, profile, tenants, load}, PerfConstants{});
    };
    if (at(LoadPoint::mean)) {
      EXPECT_GT(at(LoadPoint::planned).value()[0], at(LoadPoint::mean).value()[0]);
    }
  }
}

TEST_P(SlowdownModelContractTest, SaysWhichMeasurementsItWantsWhenThereAreNone) {
  const Result<FitReport> fit = GetParam()->model->fit({}, PerfConstants{});
  ASSERT_FALSE(fit.ok());
  EXPECT_EQ(fit.error().code, ErrorCode::not_found);
  EXPECT_NE(fit.error().message.find(GetParam()->name), std::string::npos);
  EXPECT_NE(fit.error().remedy.find("It needs "), std::string::npos);
}

std::vector<const SlowdownModelInfo*> all_rows() {
  std::vector<const SlowdownModelInfo*> rows;
  for (const SlowdownModelInfo& row : slowdown_models()) {
    rows.push_back(&row);
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Table, SlowdownModelContractTest, testing::ValuesIn(all_rows()), [](const auto& row) {
  std::string name(row.param->name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(SlowdownModelsTest, NamesAreUniqueAndAnUnknownOneIsAnsweredWithTheKnownOnes) {
  std::set<std::string_view> names;
  for (const SlowdownModelInfo& row : slowdown_models()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
  const auto unknown = find_slowdown_model("nope");
  ASSERT_FALSE(unknown.ok());
  for (const std::string_view name : names) {
    EXPECT_NE(unknown.error().remedy.find(name), std::string::npos);
  }
}

// Exactly one model speaks of a job alone on an instance; sharing a partition has one model each way.
TEST(SlowdownModelsTest, ExclusiveModelsShareTheWorkByKind) {
  const JobProfile closed = job(JobKind::closed, 0.9);
  const JobProfile service = job(JobKind::service, 1);
  const MigProfileId slice = find_mig_profile(closed.gpu_model, "1g.10gb").value();
  for (const JobProfile* one : {&closed, &service}) {
    const std::vector<const JobProfile*> tenants = {one};
    const SharedPartition partition{.gpu_model = closed.gpu_model, .profile = slice, .tenants = tenants};
    const auto training = find_slowdown_model("slice-training").value()->model->predict(partition, PerfConstants{});
    const auto inference = find_slowdown_model("slice-inference").value()->model->predict(partition, PerfConstants{});
    EXPECT_NE(training.ok(), inference.ok());
    const auto sliced = find_slowdown_model("time-sliced-mig").value()->model->predict(partition, PerfConstants{});
    EXPECT_EQ(sliced.value(), (training.ok() ? training : inference).value()) << "one tenant takes no turns";
  }
}

}  // namespace
}  // namespace gpusched
