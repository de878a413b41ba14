// bind: one write, whatever the API server answers, and the books right afterwards.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "extender/verbs/verbs_world.hpp"

namespace gpusched::extender {
namespace {

class BindTest : public ::testing::Test {
 protected:
  BindTest() {
    world.node("n1", 8);
    world.node("n2", 8);
    pod = world.create(live_pod("a", 2));
    (void)world.filter(pod, {"n1"});
  }
  ~BindTest() override { world.live.expect_replays(); }

  VerbsWorld world;
  PodObject pod;
};

TEST_F(BindTest, WritesTheRecordWithTheBinding) {
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.stage("a"), PodStage::bound);
  EXPECT_EQ(world.live.used("n1"), 2);
  const PodObject written = world.api.pod(pod.name);
  EXPECT_EQ(written.node_name, "n1");
  ASSERT_EQ(written.spec.annotations.size(), 1U);
  EXPECT_EQ(written.spec.annotations[0].first, "gpusched.io/allocation");
  EXPECT_EQ(written.spec.annotations[0].second.substr(0, 11), "v1;node=n1;");
  world.live.view->update_pod(written, 0);
  EXPECT_EQ(world.live.used("n1"), 2);
}

TEST_F(BindTest, IsIdempotent) {
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.api.bindings, 1);
  EXPECT_NE(world.bind(pod, "n2"), "");
  EXPECT_EQ(world.live.used("n1"), 2);
  EXPECT_EQ(world.live.used("n2"), 0);
}

TEST_F(BindTest, TheSchedulerMayTakeAnotherNodeThanTheOneHeld) {
  EXPECT_EQ(world.bind(pod, "n2"), "");
  EXPECT_EQ(world.live.used("n1"), 0);
  EXPECT_EQ(world.live.used("n2"), 2);
}

TEST_F(BindTest, AConflictWithOurOwnEarlierWriteIsASuccess) {
  world.api.pods[pod.name].node_name = "n1";
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.stage("a"), PodStage::bound);
}

TEST_F(BindTest, AConflictWithAnotherNodeGivesThePlaceBack) {
  world.api.pods[pod.name].node_name = "n2";
  EXPECT_NE(world.bind(pod, "n1").find("n2"), std::string::npos);
  EXPECT_EQ(world.live.used("n1"), 0);
}

TEST_F(BindTest, ARefusalGivesThePlaceBack) {
  world.api.answer = BindingReply{.fate = BindingFate::refused, .message = "forbidden"};
  EXPECT_EQ(world.bind(pod, "n1"), "forbidden");
  EXPECT_EQ(world.live.used("n1"), 0);
  EXPECT_EQ(world.live.stage("a"), PodStage::pending);
}

TEST_F(BindTest, NoAnswerButWrittenIsFoundOut) {
  world.api.answer = BindingReply{.fate = BindingFate::unknown, .message = "timeout"};
  world.api.writes_unanswered = true;
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.stage("a"), PodStage::bound);
}

TEST_F(BindTest, NoAnswerAndNotWrittenYetKeepsThePlaceUntilTheDeadline) {
  world.api.answer = BindingReply{.fate = BindingFate::unknown, .message = "timeout"};
  EXPECT_EQ(world.bind(pod, "n1"), "timeout");
  EXPECT_EQ(world.live.used("n1"), 2) << "it may still be written";
  world.live.now = world.live.view->options().binding_ns;
  EXPECT_EQ(world.live.view->expire(world.live.now), 1);
  EXPECT_EQ(world.live.used("n1"), 0);
}

TEST_F(BindTest, NoAnswerForAPodThatIsGoneGivesThePlaceBack) {
  world.api.answer = BindingReply{.fate = BindingFate::unknown, .message = "timeout"};
  world.api.pods.erase(pod.name);
  world.api.before_reply = [this] { world.api.pods.erase(pod.name); };
  EXPECT_NE(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.used("n1"), 0);
}

TEST_F(BindTest, NoAnswerToAnythingKeepsThePlace) {
  world.api.answer = BindingReply{.fate = BindingFate::unknown, .message = "timeout"};
  world.api.fails_reads = true;
  EXPECT_EQ(world.bind(pod, "n1"), "timeout");
  EXPECT_EQ(world.live.stage("a"), PodStage::binding);
  EXPECT_EQ(world.live.used("n1"), 2);
}

TEST_F(BindTest, APodDeletedMeanwhileLeavesNothing) {
  world.api.before_reply = [this] {
    const std::lock_guard lock(world.mutex);
    world.live.view->remove_pod("a", 0);
  };
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.used("n1"), 0);
  EXPECT_EQ(world.live.view->counts().pods, 0);
}

TEST_F(BindTest, ADeadlineThatPassedDuringTheWriteIsMended) {
  world.api.before_reply = [this] {
    const std::lock_guard lock(world.mutex);
    world.live.now = 1000 * ns_per_s;
    world.live.view->expire(world.live.now);
  };
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.stage("a"), PodStage::bound);
  EXPECT_EQ(world.live.used("n1"), 2);
}

TEST_F(BindTest, OfTwoCallsForOneNodeTheRefusedOneTakesNothingFromTheOther) {
  bool is_first = true;
  world.api.before_reply = [&] {
    if (std::exchange(is_first, false)) {
      EXPECT_EQ(world.bind(pod, "n1"), "");  // a repeated call: conflict, but on our node
      EXPECT_EQ(world.live.used("n1"), 2);
    }
  };
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_EQ(world.live.used("n1"), 2);
}

TEST_F(BindTest, APodUnknownAfterARestartIsReadFromTheApi) {
  VerbsWorld restarted;
  restarted.node("n1", 8);
  restarted.api.pods[pod.name] = pod;
  EXPECT_EQ(restarted.bind(pod, "n1"), "");
  EXPECT_EQ(restarted.live.used("n1"), 2);
  EXPECT_EQ(restarted.live.stage("a"), PodStage::bound);
}

TEST_F(BindTest, APodUnknownAndBoundIsLeftToTheWatch) {
  VerbsWorld restarted;
  restarted.node("n1", 8);
  restarted.api.pods[pod.name] = live_pod("a", 2, "n1");
  EXPECT_EQ(restarted.bind(pod, "n1"), "");
  EXPECT_NE(restarted.bind(pod, "n2"), "");
  EXPECT_EQ(restarted.api.bindings, 0);
  EXPECT_EQ(restarted.live.view->counts().pods, 0) << "its DELETED may have been seen already";
}

TEST_F(BindTest, APodUnknownAndGoneIsAnError) {
  EXPECT_EQ(world.bind(live_pod("never", 1), "n1"), "the pod is gone");
  PodObject other = live_pod("b", 1);
  other.name = pod.name;  // created anew: another uid
  EXPECT_EQ(world.bind(other, "n1"), "the pod is gone");
  world.api.fails_reads = true;
  EXPECT_NE(world.bind(other, "n1"), "");
  EXPECT_EQ(world.api.bindings, 0);
}

TEST_F(BindTest, UnknownNodesFullNodesAndMalformedBodiesAreErrors) {
  EXPECT_NE(world.bind(pod, "n9"), "");
  const PodObject large = world.create(live_pod("b", 8));
  EXPECT_NE(world.bind(large, "n1"), "");
  EXPECT_EQ(world.api.bindings, 0);
  for (const char* const body : {"", "{", "{}", "[]", R"({"PodName":"p"})"}) {
    EXPECT_NE(Json::parse(world.verbs.bind(Padded(body).view())).at("Error"), "") << body;
  }
}

// What several schedulers, late calls and the watch do at once.
TEST(VerbsConcurrencyTest, ManyThreadsBindAndFilter) {
  constexpr int threads = 64;
  constexpr int pods_per_thread = 4;
  VerbsWorld world;
  std::vector<std::string> names;
  for (int i = 0; i < 16; ++i) {
    names.push_back("n" + std::to_string(i));
    world.node(names.back(), 8);  // 128 units for 256 pods
  }
  std::atomic<int> bound{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < pods_per_thread; ++i) {
        const PodObject pod = live_pod("p" + std::to_string(t * pods_per_thread + i), 1);
        {
          const std::scoped_lock lock(world.mutex, world.api.mutex);
          world.create(pod);
        }
        const Json reply = world.filter(pod, names);
        if (reply.at("NodeNames").empty()) {
          continue;
        }
        const std::string node = reply.at("NodeNames")[0];
        (void)world.prioritize(pod, names);
        const bool is_bound = world.bind(pod, node).empty();
        bound += is_bound ? 1 : 0;
        EXPECT_EQ(world.bind(pod, node).empty(), is_bound);
        const std::lock_guard lock(world.mutex);
        world.live.view->update_pod(world.api.pod(pod.name), 0);
        world.live.view->expire(0);
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(bound, 128);
  for (const std::string& name : names) {
    EXPECT_EQ(world.live.used(name), 8);
    EXPECT_TRUE(world.live.is_disjoint(name));
  }
  world.live.expect_replays();
}

}  // namespace
}  // namespace gpusched::extender
