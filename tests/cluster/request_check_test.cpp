#include "gpusched/cluster/request_check.hpp"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

struct BadRequest {
  std::function<void(GpuRequest&)> spoil;
  std::vector<std::string> words;  ///< that the error must hold: the field, the value, the way out
};

std::vector<BadRequest> bad_requests() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return {
      {[](GpuRequest& r) { r.max_slowdown = 0.5; }, {"max_slowdown is 0.5", "from 1", "leave it out"}},
      {[](GpuRequest& r) { r.max_slowdown = -2; }, {"max_slowdown is -2"}},
      {[](GpuRequest& r) { r.max_slowdown = nan; }, {"max_slowdown is", "nan"}},
      {[](GpuRequest& r) { r.max_slowdown = std::numeric_limits<double>::infinity(); }, {"max_slowdown is inf"}},
      {[](GpuRequest& r) { r.mode = SharingMode::mps, r.isolation = Isolation::fault; },
       {"mode mps", "isolation fault", "mode mig or whole"}},
      {[](GpuRequest& r) { r.mode = SharingMode::time_slice, r.isolation = Isolation::memory; },
       {"mode time_slice", "isolation memory"}},
      {[](GpuRequest& r) { r.mode = SharingMode::mps, r.mig_profile = "1g.10gb"; }, {"mode mps", "'1g.10gb'"}},
      {[](GpuRequest& r) { r.mode = SharingMode::mig, r.gpu_models = {"L4"}; }, {"mode mig on L4", "list models"}},
      {[](GpuRequest& r) { r.gpu_memory_mib = 1'000'000; }, {"gpu_memory_mib is 1000000", "several devices"}},
      {[](GpuRequest& r) {
         r.gpu_memory_mib = 60'000, r.gpu_models = {"L4", "A30"};
       },
       {"is 60000", "(24576)"}},
      {[](GpuRequest& r) { r.gpu_memory_mib = -1; }, {"gpu_memory_mib is -1, below 0"}},
      {[](GpuRequest& r) { r.gpu_milli = 1001; }, {"gpu_milli is 1001, above 1000", "whole device"}},
      {[](GpuRequest& r) { r.gpu_milli = 0; }, {"gpu_milli is 0, below 1"}},
      {[](GpuRequest& r) { r.num_gpu = -1, r.gpu_milli = 0; }, {"num_gpu is -1"}},
      {[](GpuRequest& r) { r.num_gpu = 0, r.gpu_milli = 0, r.mig_profile = "1g.10gb"; }, {"'1g.10gb'", "num_gpu 0"}},
      {[](GpuRequest& r) { r.cpu_milli = -5; }, {"cpu_milli is -5"}},
  };
}

TEST(RequestCheckTest, NamesFieldValueAndRemedyOfWhatIsWrong) {
  for (const BadRequest& bad : bad_requests()) {
    GpuRequest request = whole_request(1);
    ASSERT_TRUE(check_gpu_request(request).ok());
    bad.spoil(request);
    const Status checked = check_gpu_request(request);
    ASSERT_FALSE(checked.ok()) << bad.words[0];
    for (const std::string& word : bad.words) {
      EXPECT_NE(checked.error().to_string().find(word), std::string::npos)
          << "'" << word << "' in: " << checked.error().to_string();
    }
  }
}

TEST(RequestCheckTest, AcceptsWhatOnlyThisOrThatClusterLacks) {
  GpuRequest request = whole_request(1);
  request.gpu_models = {"nobody-knows-this"};
  request.gpu_memory_mib = 100'000'000;
  EXPECT_TRUE(check_gpu_request(request).ok());
  request.gpu_models = {"L4", "A30"};
  request.gpu_memory_mib = 25'000;  // a node may report a little more than the catalogue
  request.mode = SharingMode::mig;
  EXPECT_TRUE(check_gpu_request(request).ok());
  EXPECT_TRUE(check_gpu_request(cpu_request(1000)).ok());
  EXPECT_TRUE(check_gpu_request(mig_request("2g.20gb")).ok());
  EXPECT_TRUE(check_gpu_request(share_request(300, 1024)).ok());
}

TEST(RequestCheckTest, APodThatAsksForNonsenseChangesNothing) {
  Engine engine = Engine::create({.policy = parse_policy("auto").value(), .seed = 1, .target = {}}).value();
  ASSERT_TRUE(engine.observe({0, NodeAdded{gpu_node("n", "A100-80GB", 1)}}).ok());
  const std::string before = visible_state(engine.state(), false);
  for (const BadRequest& bad : bad_requests()) {
    GpuRequest request = whole_request(1);
    bad.spoil(request);
    const Status observed = engine.observe({0, PodSubmitted{PodId{0}, engine.intern(request), 0}});
    EXPECT_FALSE(observed.ok()) << bad.words[0];
    EXPECT_EQ(visible_state(engine.state(), false), before);
  }
}

TEST(RequestCheckTest, ABadProfileChangesNothing) {
  Engine engine = Engine::create({.policy = parse_policy("auto").value(), .seed = 1, .target = {}}).value();
  JobProfile good;
  good.name = "job";
  good.gpu_model = model_named("A100-80GB");
  good.engine_active.mean = 0.5;
  good.memory_peak_mib = 1000;
  ASSERT_TRUE(engine.observe({0, ProfileLoaded{good}}).ok());
  const std::uint64_t version = engine.state().profiles_version();
  const std::vector<std::pair<std::string, std::function<void(JobProfile&)>>> bad = {
      {"engine_active.mean", [](JobProfile& p) { p.engine_active.mean = std::numeric_limits<double>::quiet_NaN(); }},
      {"above 1", [](JobProfile& p) { p.dram_active.mean = 1.5; }},
      {"memory_peak_mib", [](JobProfile& p) { p.memory_peak_mib = 0; }},
      {"gpu_model", [](JobProfile& p) { p.gpu_model = {}; }},
      {"request_load", [](JobProfile& p) { p.kind = JobKind::service; }},
  };
  for (const auto& [word, spoil] : bad) {
    JobProfile profile = good;
    spoil(profile);
    const Status observed = engine.observe({0, ProfileLoaded{profile}});
    ASSERT_FALSE(observed.ok()) << word;
    EXPECT_NE(observed.error().to_string().find(word), std::string::npos) << observed.error().to_string();
    EXPECT_EQ(*engine.state().profile("job"), good);
    EXPECT_EQ(engine.state().profiles_version(), version);
  }
}

}  // namespace
}  // namespace gpusched
