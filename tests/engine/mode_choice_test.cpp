#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/engine/engine.hpp"
#include "gpusched/engine/explanation.hpp"
#include "gpusched/model/job_profile.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

/// A small service: what the mode study calls an 8 GB service with T = 3.
JobProfile small_service() {
  JobProfile profile;
  profile.name = "small-service";
  profile.kind = JobKind::service;
  profile.gpu_model = model_named("A100-80GB");
  profile.engine_active.mean = 0.9;
  profile.sm_active = Activity{.mean = 0.12};
  profile.dram_active.mean = 0.08;
  profile.request_load = Activity{.mean = 0.05};
  profile.service_time_ms = 60;
  profile.memory_peak_mib = 7 * 1024;
  profile.source = "test";
  return profile;
}

JobProfile dev_session() {
  JobProfile profile;
  profile.name = "dev";
  profile.gpu_model = model_named("A100-80GB");
  profile.engine_active.mean = 0.7;
  profile.sm_active = Activity{.mean = 0.6};
  profile.dram_active.mean = 0.2;
  profile.duty_cycle = 0.005;
  profile.memory_peak_mib = 8 * 1024;
  profile.source = "test";
  return profile;
}

GpuRequest intent(JobClass job_class, const std::string& profile, double max_slowdown) {
  GpuRequest request = whole_request(1);
  request.job_class = job_class;
  request.job_profile = profile;
  request.max_slowdown = max_slowdown;
  return request;
}

class ModeChoiceTest : public testing::Test {
 protected:
  explicit ModeChoiceTest(const std::string& policy = "auto")
      : engine_(Engine::create({.policy = parse_policy(policy).value(), .seed = 1, .target = {}}).value()) {}

  void SetUp() override {
    for (const JobProfile& profile : {small_service(), dev_session()}) {
      ASSERT_TRUE(engine_.observe({0, ProfileLoaded{profile}}).ok());
    }
  }
  void add_gpus(int gpus, const std::string& model = "A100-80GB") {
    ASSERT_TRUE(engine_.observe({0, NodeAdded{gpu_node("n" + std::to_string(nodes_++), model, gpus)}}).ok());
  }
  Decision submit(const GpuRequest& request) {
    const RequestClassId id = engine_.intern(request);
    const PodId pod{pods_++};
    EXPECT_TRUE(engine_.observe({0, PodSubmitted{pod, id, 0}}).ok());
    const Decision decision = engine_.decide(id, 0);
    if (candidate_of(decision) != nullptr) {
      std::vector<Action> actions;
      const Status committed = engine_.commit(pod, decision, 0, actions);
      EXPECT_TRUE(committed.ok()) << (committed.ok() ? "" : committed.error().to_string());
    }
    return decision;
  }
  static ModeKind mode_of(const Decision& decision) { return std::get<Bind>(decision).mode->mode; }

  Engine engine_;
  int nodes_ = 0;
  std::uint32_t pods_ = 0;
};

TEST_F(ModeChoiceTest, SevenIsolatedServicesShareOneGpuAndTheEighthOpensAnother) {
  add_gpus(4);
  GpuRequest service = intent(JobClass::always_on, "small-service", 3);
  service.isolation = Isolation::memory;
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(mode_of(submit(service)), ModeKind::mig);
    EXPECT_EQ(engine_.state().active_gpus(), 1) << i;
  }
  EXPECT_EQ(mode_of(submit(service)), ModeKind::mig);
  EXPECT_EQ(engine_.state().active_gpus(), 2);
}

TEST_F(ModeChoiceTest, SevenServicesThatMayShareStayOnOneGpuToo) {
  add_gpus(4);
  const GpuRequest service = intent(JobClass::always_on, "small-service", 3);
  for (int i = 0; i < 7; ++i) {
    submit(service);
    EXPECT_EQ(engine_.state().active_gpus(), 1) << i;
  }
}

TEST_F(ModeChoiceTest, EightIdleSessionsShareOneGpuAndFourteenTwo) {
  add_gpus(4);
  const GpuRequest session = intent(JobClass::dev, "dev", 3);
  for (int i = 0; i < 14; ++i) {
    const Decision decision = submit(session);
    ASSERT_NE(candidate_of(decision), nullptr);
    EXPECT_EQ(engine_.state().active_gpus(), i < 8 ? 1 : 2) << i;
  }
}

TEST_F(ModeChoiceTest, MpsStaysInsideOneTrustDomain) {
  add_gpus(1);
  GpuRequest ours = intent(JobClass::always_on, "small-service", 3);
  ours.trust_domain = "ours";
  GpuRequest theirs = ours;
  theirs.trust_domain = "theirs";
  theirs.mode = SharingMode::mps;
  EXPECT_EQ(mode_of(submit(ours)), ModeKind::mps);
  EXPECT_EQ(mode_of(submit(ours)), ModeKind::mps);
  const Decision refused = submit(theirs);
  ASSERT_TRUE(std::holds_alternative<Wait>(refused));
  EXPECT_EQ(std::get<Wait>(refused).reasons[static_cast<std::size_t>(RejectReason::trust_domain_mismatch)], 1U);
}

TEST_F(ModeChoiceTest, TheUsersOwnModeWins) {
  add_gpus(4);
  for (const auto& [wanted, mode] : {std::pair{SharingMode::whole, ModeKind::whole},
                                     {SharingMode::mig, ModeKind::mig},
                                     {SharingMode::time_slice, ModeKind::time_slice}}) {
    GpuRequest service = intent(JobClass::always_on, "small-service", 3);
    service.mode = wanted;
    EXPECT_EQ(mode_of(submit(service)), mode);
  }
}

TEST_F(ModeChoiceTest, UnknownMemorySharesWithNobody) {
  add_gpus(1);
  EXPECT_EQ(mode_of(submit(intent(JobClass::batch, "", 3))), ModeKind::whole);
}

TEST_F(ModeChoiceTest, WithoutProfileTheFallbackOfTheClassStandsIn) {
  add_gpus(1);
  GpuRequest session = intent(JobClass::dev, "nobody-measured-this", 3);
  session.gpu_memory_mib = 8 * 1024;
  EXPECT_NE(mode_of(submit(session)), ModeKind::whole);
}

TEST_F(ModeChoiceTest, ATimeSlicedInstanceIsWeighedLikeAnyMode) {
  add_gpus(1);
  const auto bar_of = [&](const GpuRequest& request) {
    const Explanation explanation = engine_.explain(engine_.intern(request), 0);
    return explanation.modes[static_cast<std::size_t>(ModeKind::time_sliced_mig)].bar;
  };
  GpuRequest service = intent(JobClass::always_on, "small-service", 3);
  EXPECT_EQ(bar_of(service), ModeBar::none);
  EXPECT_EQ(bar_of(intent(JobClass::dev, "dev", 3)), ModeBar::policy);
  service.mode = SharingMode::mig;
  EXPECT_EQ(bar_of(service), ModeBar::other_mode_named) << "who names MIG has its instance alone";
  service.mode = SharingMode::unstated;
  service.isolation = Isolation::memory;
  EXPECT_EQ(bar_of(service), ModeBar::isolation);
}

/// Shared GPUs that are too full for a job, in front of one that is not.
class LongSearchTest : public ModeChoiceTest {
 protected:
  GpuRequest session(std::int64_t memory_mib) const {
    GpuRequest request = intent(JobClass::dev, "dev", 3);
    request.mode = SharingMode::time_slice;
    request.gpu_memory_mib = memory_mib;
    return request;
  }
  void fill(int full) {
    for (int i = 0; i < full; ++i) {
      submit(session(50 * 1024));
    }
    submit(session(45 * 1024));
    ASSERT_EQ(engine_.state().active_gpus(), full + 1);
  }
  std::uint32_t gpu_of(const Decision& decision) const {
    const Candidate& place = *candidate_of(decision);
    return engine_.state().first_gpu(place.node) + place.gpus[0].gpu;
  }
};

TEST_F(LongSearchTest, EveryGpuIsLookedAtInAClusterOfUsualSize) {
  add_gpus(220);
  fill(200);
  EXPECT_EQ(gpu_of(submit(session(32 * 1024))), 200U);
}

TEST_F(LongSearchTest, AJobWithAPlaceSearchesNoFurther) {
  add_gpus(320);
  fill(300);
  EXPECT_EQ(gpu_of(submit(session(32 * 1024))), 301U) << "an idle one";
}

TEST_F(LongSearchTest, AJobWithoutLooksEverywhere) {
  add_gpus(301);
  fill(300);
  EXPECT_EQ(gpu_of(submit(session(32 * 1024))), 300U);
  EXPECT_EQ(candidate_of(submit(session(32 * 1024))), nullptr);
}

TEST_F(ModeChoiceTest, AHeldGpuTakesNoNewcomer) {
  add_gpus(1);
  ASSERT_TRUE(engine_.observe({0, GpuHeld{NodeId{0}, 0}}).ok());
  EXPECT_TRUE(std::holds_alternative<Wait>(submit(intent(JobClass::dev, "dev", 3))));
  ASSERT_TRUE(engine_.observe({0, GpuReleased{NodeId{0}, 0}}).ok());
  EXPECT_TRUE(std::holds_alternative<Bind>(submit(intent(JobClass::dev, "dev", 3))));
}

TEST_F(ModeChoiceTest, StillRefusedUntilSomethingThatTakesItChanges) {
  add_gpus(1);
  const GpuRequest whole = [] {
    GpuRequest request = intent(JobClass::batch, "", 0);
    request.mode = SharingMode::whole;
    request.job_profile = "x";
    return request;
  }();
  const RequestClassId id = engine_.intern(whole);
  submit(whole);
  EXPECT_FALSE(engine_.still_refused(id));
  submit(whole);
  EXPECT_TRUE(engine_.still_refused(id));
  ASSERT_TRUE(engine_.observe({1, PodFinished{PodId{0}, 0}}).ok());
  EXPECT_FALSE(engine_.still_refused(id));
}

bool is_held_back(const Decision& decision) {
  const auto* wait = std::get_if<Wait>(&decision);
  return wait != nullptr && wait->reasons[static_cast<std::size_t>(RejectReason::class_over_share)] > 0;
}

class ClassShareTest : public ModeChoiceTest {
 protected:
  explicit ClassShareTest(const std::string& policy = "auto") : ModeChoiceTest(policy) {}

  /// One GPU with four sessions and room for more, and a training job that waits for a whole GPU. Its pod is the last.
  void fill() {
    add_gpus(1);
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(std::holds_alternative<Bind>(submit(session_)));
    }
    GpuRequest training = intent(JobClass::batch, "", 0);
    training.mode = SharingMode::whole;
    EXPECT_TRUE(std::holds_alternative<Wait>(submit(training)));
  }

  const GpuRequest session_ = intent(JobClass::dev, "dev", 3);
};
class WithoutClassShareTest : public ClassShareTest {
 protected:
  WithoutClassShareTest() : ClassShareTest("auto:class_lead=1") {}
};

TEST_F(ClassShareTest, AClassThatWasServedLetsOneThatWaitsGoFirst) {
  fill();
  const PodId training{pods_ - 1};
  EXPECT_TRUE(is_held_back(submit(session_)));
  ASSERT_TRUE(engine_.observe({0, PodFinished{training, 0}}).ok());
  EXPECT_TRUE(std::holds_alternative<Bind>(submit(session_))) << "nobody waits any more";
}

TEST_F(ClassShareTest, NoMoreThanASixteenthOfTheClusterIsKeptFree) {
  fill();
  add_gpus(15);
  EXPECT_TRUE(std::holds_alternative<Bind>(submit(session_))) << "15 of 16 are idle";
}

TEST_F(WithoutClassShareTest, NobodyIsHeldBack) {
  fill();
  EXPECT_TRUE(std::holds_alternative<Bind>(submit(session_)));
}

}  // namespace
}  // namespace gpusched
