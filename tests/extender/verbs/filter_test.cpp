// filter and prioritize: what kube-scheduler asks, and what it is told.
#include <chrono>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "extender/verbs/verbs_world.hpp"

namespace gpusched::extender {
namespace {

using Names = std::vector<std::string>;

Names passed(const Json& reply) {
  EXPECT_EQ(reply.value("Error", ""), "");
  return reply.at("NodeNames").is_null() ? Names() : reply.at("NodeNames").get<Names>();
}

TEST(FilterTest, OneCandidateIsHeldAtOnce) {
  VerbsWorld world;
  world.node("n1", 8);
  world.node("n2", 8);
  const Names first = passed(world.filter(live_pod("a", 8), {"n1", "n2"}));
  ASSERT_EQ(first.size(), 1U);
  const Names second = passed(world.filter(live_pod("b", 8), {"n1", "n2"}));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(first[0], second[0]);
  EXPECT_EQ(passed(world.filter(live_pod("c", 8), {"n1", "n2"})), Names());
}

TEST(FilterTest, SeveralCandidatesAreTheBestAndHoldNothing) {
  for (const std::size_t candidates : {std::size_t{2}, std::size_t{0}}) {
    VerbsWorld world(candidates);
    for (const char* const name : {"n1", "n2", "n3"}) {
      world.node(name, 8);
    }
    world.live.view->update_pod(live_pod("other", 7, "n2"), 0);
    const Names names = passed(world.filter(live_pod("a", 1), {"n1", "n2", "n3"}));
    ASSERT_EQ(names.size(), candidates == 0 ? 3U : 2U);
    EXPECT_EQ(names[0], "n2") << "the fullest node first";
    EXPECT_EQ(world.live.used("n2"), 7);
    EXPECT_EQ(passed(world.filter(live_pod("b", 1), {"n1", "n2", "n3"})), names);
  }
}

TEST(FilterTest, ReasonsAreConstantAndFinalWhereNothingHelps) {
  VerbsWorld world;
  world.node("full", 8);
  world.live.view->update_node(gpu_node("small", 2, 2), 0);
  world.node("down", 8);
  world.live.view->update_node(mig_node("mig", 14), 0);
  NodeUpdate down = gpu_node("down", 8);
  down.node.ready = false;
  world.live.view->update_node(down, 0);
  world.live.view->update_pod(live_pod("other", 8, "full"), 0);
  const Json reply = world.filter(live_pod("a", 4), {"full", "small", "mig", "down", "new"});
  EXPECT_EQ(passed(reply), Names());
  EXPECT_EQ(reply.at("FailedNodes").size(), 3U);
  EXPECT_EQ(reply.at("FailedNodes").at("new"), "node not yet in the extender's cache");
  EXPECT_TRUE(reply.at("FailedNodes").contains("full"));
  EXPECT_TRUE(reply.at("FailedNodes").contains("down"));
  EXPECT_TRUE(reply.at("FailedAndUnresolvableNodes").contains("small"));
  EXPECT_TRUE(reply.at("FailedAndUnresolvableNodes").contains("mig"));
  EXPECT_EQ(reply.dump().find("'full'"), std::string::npos);
  EXPECT_EQ(world.records.back().result, "wait");
}

TEST(FilterTest, WholeNodesComeBackByteForByte) {
  VerbsWorld world(0);
  world.node("n1", 8);
  world.node("n2", 8);
  const std::string first = R"({ "metadata":{"name":"n1", "labels":{"b":"\u003c1\u003e","a":"é"}},  "x":[1.50,1e3]})";
  const std::string second = R"({"metadata":{"name":"n2"},"status":{}})";
  const Padded body(R"({"Pod":)" + pod_json(live_pod("a", 1)).dump() + R"(,"Nodes":{"metadata":{},"items":[)" + first +
                    "," + second + R"(]},"NodeNames":null})");
  const std::string reply = world.verbs.filter(body.view());
  EXPECT_NE(reply.find(first), std::string::npos);
  EXPECT_NE(reply.find(second), std::string::npos);
  EXPECT_TRUE(Json::parse(reply).at("NodeNames").is_null());
  EXPECT_TRUE(world.records.back().has_full_nodes);
}

TEST(FilterTest, MalformedBodiesAreAnError) {
  VerbsWorld world;
  for (const char* const body : {"", "{", "[]", "{}", R"({"Pod":7})", R"({"Pod":{"metadata":{"name":"p"}}})"}) {
    const Json reply = Json::parse(world.verbs.filter(Padded(body).view()));
    EXPECT_NE(reply.at("Error").get<std::string>(), "") << body;
    EXPECT_EQ(Json::parse(world.verbs.prioritize(Padded(body).view())), Json::array()) << body;
    EXPECT_EQ(world.records.back().reason, "malformed") << body;
    (void)world.verbs.preempt(Padded(body).view());
    EXPECT_EQ(world.records.back().result, "error") << body;
  }
  EXPECT_EQ(world.live.view->counts().pods, 0);
}

TEST(FilterTest, AReplicaThatMayNotAnswerSaysSo) {
  VerbsWorld world;
  world.node("n1", 8);
  world.refusal = "this replica is not the leader";
  EXPECT_EQ(world.filter(live_pod("a", 1), {"n1"}).at("Error"), world.refusal);
  EXPECT_EQ(world.prioritize(live_pod("a", 1), {"n1"}), Json::array());
  EXPECT_EQ(world.bind(live_pod("a", 1), "n1"), world.refusal);
  EXPECT_EQ(world.live.view->counts().pods, 0);
}

TEST(FilterTest, WhatIsNotUnderstoodIsRefusedEverywhere) {
  VerbsWorld world;
  world.node("n1", 8);
  PodObject typo = live_pod("a", 1);
  typo.spec.annotations = {{"gpusched.io/modus", "mig"}};
  Json reply = world.filter(typo, {"n1", "n2"});
  EXPECT_EQ(reply.at("FailedAndUnresolvableNodes").size(), 2U);
  EXPECT_EQ(world.records.back().reason, "not_understood") << "a metric's label must not hold what pods write";
  EXPECT_NE(world.records.back().message.find("gpusched.io/modus"), std::string::npos);
  EXPECT_NE(world.bind(typo, "n1"), "") << "what is not understood is not counted either";
  PodObject intent = live_pod("b", 0);
  intent.spec.annotations = {{"gpusched.io/gpu-memory", "8Gi"}};
  reply = world.filter(intent, {"n1"});
  EXPECT_EQ(reply.at("FailedAndUnresolvableNodes").size(), 1U);
  EXPECT_NE(world.bind(intent, "n1"), "");
  PodObject member = live_pod("c", 1);
  member.has_scheduling_group = true;
  member.pod_group = "ring";
  reply = world.filter(member, {"n1"});
  EXPECT_NE(reply.at("FailedAndUnresolvableNodes").at("n1").get<std::string>().find("scheduling group"),
            std::string::npos);
  EXPECT_EQ(world.live.used("n1"), 0);
}

TEST(FilterTest, ARepeatedCallGivesItsOldHoldBack) {
  VerbsWorld world;
  world.node("n1", 4);
  world.node("n2", 4);
  const PodObject pod = live_pod("a", 4);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(passed(world.filter(pod, {"n1"})), Names{"n1"});
  }
  EXPECT_EQ(passed(world.filter(pod, {"n2"})), Names{"n2"});
  EXPECT_EQ(world.live.used("n1"), 0);
  EXPECT_EQ(world.live.used("n2"), 4);
  world.live.now = 29 * ns_per_s;
  EXPECT_EQ(passed(world.filter(pod, {"n2"})), Names{"n2"});
  world.live.now = 31 * ns_per_s;
  EXPECT_EQ(world.live.view->expire(world.live.now), 1) << "asking again does not make it last longer";
}

// Another extender may reject the pod each time, and the pod comes back each time.
TEST(FilterTest, APlaceThatIsNeverBoundIsHeldOnce) {
  VerbsWorld world;
  world.node("n1", 4);
  const PodObject never = world.create(live_pod("never", 4));
  const PodObject other = world.create(live_pod("other", 4));
  EXPECT_EQ(passed(world.filter(never, {"n1"})), Names{"n1"});
  EXPECT_EQ(passed(world.filter(other, {"n1"})), Names());
  world.live.now = 31 * ns_per_s;
  EXPECT_EQ(world.live.view->expire(world.live.now), 1);
  EXPECT_EQ(passed(world.filter(never, {"n1"})), Names{"n1"}) << "the first to come back";
  EXPECT_EQ(world.live.used("n1"), 0);
  EXPECT_EQ(passed(world.filter(other, {"n1"})), Names{"n1"});
  EXPECT_NE(world.bind(never, "n1"), "");
  EXPECT_EQ(world.bind(other, "n1"), "");
  world.live.expect_replays();
}

TEST(FilterTest, AfterACallOfBindAPlaceIsHeldAgain) {
  VerbsWorld world;
  world.node("n1", 4);
  const PodObject pod = world.create(live_pod("a", 4));
  EXPECT_EQ(passed(world.filter(pod, {"n1"})), Names{"n1"});
  world.live.now = 31 * ns_per_s;
  EXPECT_EQ(world.live.view->expire(world.live.now), 1);
  world.api.answer = BindingReply{.fate = BindingFate::refused, .message = "forbidden"};
  EXPECT_NE(world.bind(pod, "n1"), "");
  EXPECT_EQ(passed(world.filter(pod, {"n1"})), Names{"n1"});
  EXPECT_EQ(world.live.used("n1"), 4);
}

TEST(FilterTest, APodWhoseBindingIsUnderWayGoesOnlyThere) {
  VerbsWorld world;
  world.node("n1", 8);
  world.node("n2", 8);
  const PodObject pod = world.create(live_pod("a", 1));
  world.api.answer = BindingReply{.fate = BindingFate::unknown, .message = "timeout"};
  world.api.fails_reads = true;
  EXPECT_NE(world.bind(pod, "n1"), "");
  EXPECT_EQ(passed(world.filter(pod, {"n2", "n1"})), Names{"n1"});
  EXPECT_NE(world.filter(pod, {"n2"}).at("Error"), "");
  EXPECT_NE(world.bind(pod, "n2"), "") << "both could be written";
  world.api.answer.reset();
  world.api.fails_reads = false;
  EXPECT_EQ(world.bind(pod, "n1"), "");
  EXPECT_NE(world.filter(pod, {"n1"}).at("Error"), "") << "bound already";
}

// kube-scheduler has seen a pod go, or a node come, a moment before our watch tells.
TEST(FilterTest, ARefusalWaitsForWhatKubeSchedulerKnewBefore) {
  VerbsWorld world(1, std::chrono::minutes(1));
  world.node("n1", 8);
  world.live.view->update_pod(live_pod("gone", 8, "n1"), 0);
  const auto later = [&](const std::function<void()>& what) {
    return std::thread([&world, what] {
      const std::lock_guard lock(world.mutex);  // once filter has let go of it
      what();
    });
  };
  std::thread watch = later([&] { world.live.view->remove_pod("gone", 0); });
  EXPECT_EQ(passed(world.filter(live_pod("a", 8), {"n1"})), Names{"n1"});
  watch.join();
  watch = later([&] { world.node("n2", 8); });
  EXPECT_EQ(passed(world.filter(live_pod("b", 8), {"n2"})), Names{"n2"});
  watch.join();
  watch = later([&] { world.node("n2", 16); });
  EXPECT_EQ(passed(world.filter(live_pod("c", 8), {"n1", "n2"})), Names{"n2"});
  watch.join();
}

TEST(FilterTest, WhoWaitedInVainSparesThoseAfterHim) {
  constexpr std::chrono::milliseconds patience(300);
  VerbsWorld world(1, patience);
  world.node("n1", 4);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(passed(world.filter(live_pod("too-large-for-now", 8), {"unknown"})), Names());
  const auto first = std::chrono::steady_clock::now();
  EXPECT_GE(first - start, patience);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(passed(world.filter(live_pod("next", 8), {"unknown"})), Names());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - first, 5 * patience);
}

// The news came too late for the call: kube-scheduler must be told that it is worth asking again.
TEST(FilterTest, RoomAfterARefusalIsToldOnce) {
  VerbsWorld world;
  world.node("n1", 8);
  world.live.view->update_pod(live_pod("x", 4, "n1"), 0);
  world.live.view->update_pod(live_pod("y", 4, "n1"), 0);
  EXPECT_FALSE(world.live.view->take_late_room());
  EXPECT_EQ(passed(world.filter(live_pod("a", 2), {"n1"})), Names());
  EXPECT_FALSE(world.live.view->take_late_room());
  world.node("n1", 8);  // nothing new, as after the patch of an annotation
  EXPECT_FALSE(world.live.view->take_late_room());
  world.live.view->remove_pod("x", 0);
  EXPECT_TRUE(world.live.view->take_late_room());
  EXPECT_FALSE(world.live.view->take_late_room());
  world.live.view->remove_pod("y", 0);
  EXPECT_FALSE(world.live.view->take_late_room()) << "nobody was refused since";
}

TEST(FilterTest, NamesTwiceAndNoNamesAreAnswered) {
  VerbsWorld world(0);
  world.node("n1", 8);
  EXPECT_EQ(passed(world.filter(live_pod("a", 1), {"n1", "n1"})), Names{"n1"});
  EXPECT_EQ(passed(world.filter(live_pod("a", 1), {})), Names());
  world.live.expect_replays();
}

TEST(PrioritizeTest, SpreadsTheOrderOverZeroToTen) {
  VerbsWorld world(0);
  const Names names = {"n0", "n1", "n2", "n3"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    world.node(names[i], 8);
    const int held = static_cast<int>(i == 3 ? 2 : i) * 2;  // n2 and n3 alike
    world.live.view->update_pod(live_pod("other" + names[i], held, names[i]), 0);
  }
  std::map<std::string, int> scores;
  for (const Json& entry : world.prioritize(live_pod("a", 1), names)) {
    scores[entry.at("Host")] = entry.at("Score");
  }
  ASSERT_EQ(scores.size(), 4U);
  EXPECT_EQ(scores.at("n2"), scores.at("n3"));
  int least = 10;
  int most = 0;
  for (const auto& [host, score] : scores) {
    least = std::min(least, score);
    most = std::max(most, score);
  }
  EXPECT_EQ(least, 0);
  EXPECT_EQ(most, 10);
  const Names order = passed(world.filter(live_pod("a", 1), names));
  for (std::size_t i = 1; i < order.size(); ++i) {
    EXPECT_GE(scores.at(order[i - 1]), scores.at(order[i])) << "as filter ranks them";
  }
}

TEST(PrioritizeTest, EqualNodesScoreTenAndRefusedOnesNothing) {
  VerbsWorld world(0);
  world.node("n1", 8);
  world.node("n2", 8);
  world.node("full", 8);
  world.live.view->update_pod(live_pod("other", 8, "full"), 0);
  const Json scores = world.prioritize(live_pod("a", 1), {"n1", "n2", "full", "unknown"});
  EXPECT_EQ(scores, Json::parse(R"([{"Host":"n1","Score":10},{"Host":"n2","Score":10}])"));
}

}  // namespace
}  // namespace gpusched::extender
