#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/io/event_log.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

struct InFlight {
  PodMove move;
  PodId newcomer;
  Candidate freed;
};

/// A cluster of MIG GPUs in which pods come and go and blocked ones have others moved, at once or in steps.
class MovingWorld {
 public:
  MovingWorld(std::uint64_t seed, Actuation actuation)
      : draws(seed, StreamPurpose::request),
        options{.policy = parse_policy("buddy").value(),
                .seed = seed,
                .target = {},
                .preemption = false,
                .reshape = {.one_move_on_block = true,
                            .cooldown_ns = 20,
                            .most_moves_in_flight = 2,
                            .actuation = actuation}},
        engine(Engine::create(options).value()),
        writer([this](std::string_view line) { log += line; },
               [](PodId pod) { return "p" + std::to_string(pod.value); }) {
    writer.header(options);
    for (const char* name : {"a", "b", "c"}) {
      NodeSpec node = gpu_node(name, name[0] == 'c' ? "A30" : "A100-80GB", 4);
      node.cpu_milli = 24'000;
      observe({0, NodeAdded{node}});
    }
  }

  void observe(const Event& event) {
    const Status status = engine.observe(event);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    writer.event(engine, event);
  }
  GpuRequest random_request() {
    static constexpr std::array<const char*, 8> profiles = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb",
                                                            "4g.40gb", "7g.80gb", "1g.6gb",  "2g.12gb"};
    GpuRequest request = mig_request(profiles[draws.next_below(profiles.size())]);
    request.cpu_milli = 1000;
    request.memory_mib = 2048;
    request.job_class = static_cast<JobClass>(draws.next_below(5));
    return request;
  }
  void arrive(TimeNs now) {
    const PodId pod{next_pod++};
    observe({now, PodSubmitted{pod, engine.intern(random_request()), 0}});
    const Decision decision = engine.decide(engine.state().pod(pod)->request, now);
    writer.decision(engine, now, std::span(&pod, 1), std::span(&decision, 1));
    const auto* reshape = std::get_if<ReshapeThenBind>(&decision);
    if (candidate_of(decision) == nullptr) {
      observe({now, PodFinished{pod, 0}});
      return;
    }
    if (reshape != nullptr && draws.next_below(2) == 0) {
      observe({now, PodMoveStarted{reshape->move}});
      observe({now, GpuHeld{reshape->candidate.node, reshape->candidate.gpus[0].gpu}});
      in_flight.push_back({.move = reshape->move, .newcomer = pod, .freed = reshape->candidate});
      return;
    }
    if (reshape != nullptr) {
      observe({now, PodMoved{reshape->move}});
      ++moves;
    }
    observe({now, PodBound{pod, *candidate_of(decision), 0}});
    running.push_back(pod);
  }
  void leave(TimeNs now) {
    const std::size_t i = draws.next_below(static_cast<std::uint32_t>(running.size()));
    observe({now, PodFinished{running[i], 0}});
    running[i] = running.back();
    running.pop_back();
  }
  void end_move(TimeNs now) {
    const InFlight ended = in_flight.front();
    in_flight.erase(in_flight.begin());
    observe({now, GpuReleased{ended.freed.node, ended.freed.gpus[0].gpu}});
    const bool fails = draws.next_below(3) == 0;
    if (engine.state().moving_to(ended.move.pod) != nullptr) {  // else the pod has left
      if (fails) {
        observe({now, PodMoveFailed{ended.move}});
      } else {
        observe({now, PodMoved{ended.move}});
        ++moves;
      }
      failures += fails ? 1 : 0;
    }
    const bool fits =
        engine.state()
            .check_placement(engine.state().request(engine.state().pod(ended.newcomer)->request), ended.freed, {})
            .ok();
    EXPECT_TRUE(fits || fails) << "what a move was made for is free after it";
    if (fits) {
      observe({now, PodBound{ended.newcomer, ended.freed, 0}});
      running.push_back(ended.newcomer);
    } else {
      observe({now, PodFinished{ended.newcomer, 0}});
    }
  }
  /// Every unit of every GPU is held by one pod at most, and what the state says is the sum of what its pods hold.
  void expect_true_to_its_pods() const {
    const ClusterState& state = engine.state();
    for (std::uint32_t n = 0; n < state.nodes().size(); ++n) {
      const Node& node = state.nodes()[n];
      std::vector<int> occupied(node.state.gpus.size(), 0);
      std::int64_t cpu_milli = 0, memory_mib = 0;
      for (std::uint32_t p = 0; p < state.pods().size(); ++p) {
        const PodRecord& pod = state.pods()[p];
        std::vector<const Candidate*> places;
        if (pod.holds_resources()) {
          places = {&pod.placement, state.moving_to(PodId{p})};
        }
        for (const Candidate* place : places) {
          if (place == nullptr || place->node != NodeId{n}) {
            continue;
          }
          cpu_milli += state.request(pod.request).cpu_milli;
          memory_mib += state.request(pod.request).memory_mib;
          for (const GpuAssignment& part : place->gpus) {
            ASSERT_EQ(occupied[part.gpu] & part.range.mask(), 0) << "two instances on one unit";
            occupied[part.gpu] |= part.range.mask();
            const auto& starts = gpu_model(node.spec.gpus[0].model).profiles[part.profile.value].starts;
            ASSERT_NE(std::find(starts.begin(), starts.end(), part.range.start), starts.end()) << "not a legal start";
          }
        }
      }
      for (std::size_t gpu = 0; gpu < occupied.size(); ++gpu) {
        ASSERT_EQ(node.state.gpus[gpu].mig_occupancy, occupied[gpu]);
      }
      ASSERT_EQ(node.state.cpu_free_milli, node.spec.cpu_milli - cpu_milli);
      ASSERT_EQ(node.state.memory_free_mib, node.spec.memory_mib - memory_mib);
      ASSERT_GE(node.state.cpu_free_milli, 0);
      ASSERT_GE(node.state.memory_free_mib, 0);
    }
  }

  Philox draws;
  EngineOptions options;
  Engine engine;
  std::string log;
  EventLogWriter writer;
  std::uint32_t next_pod = 0;
  std::vector<PodId> running;
  std::vector<InFlight> in_flight;
  int moves = 0, failures = 0;
};

class PodMovePropertyTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(PodMovePropertyTest, StateStaysTrueAndAReplayDecidesTheSame) {
  MovingWorld world(GetParam(), GetParam() % 4 == 0 ? Actuation::drain_gpu : Actuation::per_instance);
  for (TimeNs now = 1; now < 1500; ++now) {
    const std::uint32_t what = world.draws.next_below(10);
    if (what < 5) {
      world.arrive(now);
    } else if (what < 8 && !world.running.empty()) {
      world.leave(now);
    } else if (!world.in_flight.empty()) {
      world.end_move(now);
    }
    ASSERT_LE(world.engine.state().moves_in_flight(), 2U);
    ASSERT_NO_FATAL_FAILURE(world.expect_true_to_its_pods()) << "at " << now;
  }
  EXPECT_GT(world.moves, 10);
  EXPECT_GT(world.failures, 0);
  const Result<LogReplay> replay = replay_event_log(world.log, "log");
  ASSERT_TRUE(replay.ok()) << replay.error().to_string();
  EXPECT_GT(replay.value().decisions, 500);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PodMovePropertyTest, ::testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace gpusched
