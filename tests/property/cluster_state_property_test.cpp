// Random event sequences over a mixed cluster: whatever happens, the state stays true.

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"

#include "cluster_builders.hpp"

namespace gpusched {
namespace {

using namespace test;

void add_mixed_cluster(const std::function<Status(const Event&)>& apply) {
  std::vector<NodeSpec> nodes = {
      gpu_node("a", "A100-80GB", 4), gpu_node("b", "A100-80GB", 2, NodeSharing::mig),
      gpu_node("c", "T4", 4),        gpu_node("d", "T4", 2, NodeSharing::time_slice),
      gpu_node("e", "A30", 2),       gpu_node("f", "H100-80GB-SXM5", 10),
      gpu_node("g", "", 0),          gpu_node("h", "T4", 2, NodeSharing::exclusive),
  };
  nodes[3].replicas = 3;
  for (const NodeSpec& node : nodes) {
    ASSERT_TRUE(apply({0, NodeAdded{node}}).ok());
  }
}

GpuRequest random_request(Philox& draws) {
  static const std::array<const char*, 8> profiles = {"1g.10gb", "1g.10gb+me", "2g.20gb", "3g.40gb",
                                                      "4g.40gb", "7g.80gb",    "1g.6gb",  "2g.12gb"};
  GpuRequest request;
  switch (draws.next_below(6)) {
    case 0:
      break;  // CPU only
    case 1:
      request = whole_request(static_cast<std::int32_t>(1 + draws.next_below(4)));
      break;
    case 2:
    case 3:
      request = share_request(static_cast<std::int32_t>(50 * (1 + draws.next_below(19))));
      request.gpu_memory_mib = draws.next_below(2) == 0 ? 0 : 2048;
      break;
    default:
      request = mig_request(profiles[draws.next_below(profiles.size())],
                            static_cast<std::int32_t>(1 + draws.next_below(3) / 2));
  }
  request.cpu_milli = 1000 * draws.next_below(8);
  request.memory_mib = 4096 * draws.next_below(6);
  request.priority = static_cast<std::int32_t>(draws.next_below(3));
  return request;
}

/// Recomputes everything from the nodes' specifications and the pods that hold resources.
void expect_true_to_its_pods(ClusterState& state) {
  std::vector<NodeState> expected;
  std::vector<std::multiset<std::uint32_t>> pods_of(state.nodes().size());
  for (const Node& node : state.nodes()) {
    NodeState fresh = node.state;
    fresh.cpu_free_milli = node.spec.cpu_milli;
    fresh.memory_free_mib = node.spec.memory_mib;
    fresh.hosted_kinds = 0;
    fresh.schedulable = node.health == NodeHealth::ready && !node.removed;
    for (std::size_t i = 0; i < fresh.gpus.size(); ++i) {
      fresh.gpus[i].free_milli = 1000;
      fresh.gpus[i].mig_occupancy = 0;
      fresh.gpus[i].mig_labels = 0;
      fresh.gpus[i].tenants = 0;
      fresh.gpus[i].free_memory_mib =
          node.spec.gpus[i].memory_mib > 0 ? static_cast<std::int32_t>(node.spec.gpus[i].memory_mib) : -1;
    }
    expected.push_back(fresh);
  }
  std::int64_t milli = 0, units = 0;
  std::map<std::int32_t, std::int64_t> priorities;
  for (std::uint32_t i = 0; i < state.pods().size(); ++i) {
    const PodRecord& pod = state.pods()[i];
    if (!pod.holds_resources()) {
      continue;
    }
    const GpuRequest& request = state.request(pod.request);
    const std::uint32_t where = pod.placement.node.value;
    NodeState& node = expected[where];
    pods_of[where].insert(i);
    ++priorities[request.priority];
    node.cpu_free_milli -= request.cpu_milli;
    node.memory_free_mib -= request.memory_mib;
    node.hosted_kinds = static_cast<std::uint8_t>(node.hosted_kinds | (1 << request_kind(request)));
    for (const GpuAssignment& part : pod.placement.gpus) {
      GpuState& gpu = node.gpus[part.gpu];
      if (part.range.size > 0) {
        ASSERT_EQ(gpu.mig_occupancy & part.range.mask(), 0) << "two instances overlap";
        ASSERT_EQ(gpu.free_milli, 1000) << "an instance on a shared GPU";
        gpu.mig_occupancy |= part.range.mask();
        gpu.mig_labels |= part.mig_labels;
        units += part.range.size;
      } else {
        ASSERT_GE(gpu.free_milli, part.share_milli) << "more than 1000 milli-GPU";
        ASSERT_EQ(gpu.mig_occupancy, 0) << "a share on a GPU cut by MIG";
        gpu.free_milli = static_cast<std::uint16_t>(gpu.free_milli - part.share_milli);
        if (part.memory_mib > 0) {
          gpu.free_memory_mib -= part.memory_mib;
          ASSERT_GE(gpu.free_memory_mib, 0);
        }
        if (state.nodes()[where].spec.replicas > 0 && part.share_milli < 1000) {
          ++gpu.tenants;
        }
        milli += part.share_milli;
      }
    }
    ASSERT_GE(node.cpu_free_milli, 0);
    ASSERT_GE(node.memory_free_mib, 0);
  }
  std::int64_t gpus = 0, active = 0, mig_gpus = 0;
  std::string index_expected;
  std::map<std::string, std::set<std::uint32_t>> buckets;
  state.node_order();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Node& node = state.nodes()[i];
    ASSERT_EQ(text_of(node.state), text_of(expected[i])) << node.spec.name;
    ASSERT_EQ(node.state, expected[i]);
    std::multiset<std::uint32_t> listed;
    for (const PodId pod : node.pods) {
      listed.insert(pod.value);
    }
    ASSERT_EQ(listed, pods_of[i]);
    if (node.removed) {
      continue;
    }
    gpus += static_cast<std::int64_t>(node.state.gpus.size());
    mig_gpus += node.takes_mig ? static_cast<std::int64_t>(node.state.gpus.size()) : 0;
    for (std::size_t device = 0; device < node.state.gpus.size(); ++device) {
      const GpuState& gpu = node.state.gpus[device];
      active += gpu.idle() ? 0 : 1;
      if (node.takes_mig && node.state.schedulable && gpu.free_milli == 1000) {
        buckets[std::to_string(gpu.model) + "/" + std::to_string(gpu.mig_occupancy)].insert(
            state.first_gpu(NodeId{static_cast<std::uint32_t>(i)}) + static_cast<std::uint32_t>(device));
      }
    }
  }
  ASSERT_EQ(state.total_gpus(), gpus);
  ASSERT_EQ(state.mig_gpus(), mig_gpus);
  ASSERT_EQ(state.active_gpus(), active);
  ASSERT_EQ(state.used_gpu_milli(), milli);
  ASSERT_EQ(state.used_mig_units(), units);
  std::vector<std::string> lines;
  for (const auto& [key, members] : buckets) {
    std::string line = key + ":";
    for (const std::uint32_t member : members) {
      line += " " + std::to_string(member);
    }
    lines.push_back(line + " (" + std::to_string(members.size()) + ")\n");
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    index_expected += line;
  }
  ASSERT_EQ(gpu_index_text(state), index_expected);
  const auto held = state.held_by_priority();
  ASSERT_EQ((std::map<std::int32_t, std::int64_t>(held.begin(), held.end())), priorities);
}

/// A place of the right form that may or may not be free.
Candidate random_place(const ClusterState& state, const GpuRequest& request, Philox& draws) {
  Candidate place;
  place.node = NodeId{draws.next_below(static_cast<std::uint32_t>(state.nodes().size()))};
  const Node& node = state.node(place.node);
  if (node.state.gpus.empty()) {
    return place;
  }
  const GpuModelId model{node.state.gpus[0].model};
  std::vector<std::uint16_t> devices;
  for (std::uint16_t i = 0; i < node.state.gpus.size(); ++i) {
    devices.push_back(i);
  }
  draws.shuffle(devices);
  for (std::size_t i = 0; i < static_cast<std::size_t>(request.num_gpu) && i < devices.size(); ++i) {
    if (request.mig_profile.empty()) {
      place.gpus.push_back(share_on(devices[i], static_cast<std::uint16_t>(request.gpu_milli),
                                    request.gpu_milli < 1000 ? static_cast<std::int32_t>(request.gpu_memory_mib) : 0));
    } else if (const auto profile = find_mig_profile(model, request.mig_profile); profile && node.takes_mig) {
      const MigProfile& row = gpu_model(model).profiles[profile.value().value];
      const std::int16_t start = row.starts[draws.next_below(static_cast<std::uint32_t>(row.starts.size()))];
      GpuAssignment part = instance_on(devices[i], std::string(gpu_model(model).name), request.mig_profile, start);
      if ((node.state.gpus[devices[i]].mig_labels & part.mig_labels) != 0) {
        continue;
      }
      place.gpus.push_back(part);
    }
  }
  return place;
}

class ClusterStatePropertyTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ClusterStatePropertyTest, StaysTrueUnderRandomEvents) {
  Philox draws(GetParam(), StreamPurpose::request, 1);
  ClusterState state;
  add_mixed_cluster([&](const Event& event) { return state.apply(event); });
  std::int64_t refused = 0, accepted = 0;
  for (std::uint32_t step = 0; step < 3000; ++step) {
    const PodId pod{draws.next_below(60)};
    const PodRecord* record = state.pod(pod);
    Event event{step, Tick{}};
    const bool known = record != nullptr && record->phase != PodPhase::absent;
    const GpuRequest request = known ? state.request(record->request) : random_request(draws);
    const std::uint64_t version = draws.next_below(4) == 0 ? 1 + draws.next_below(step + 1) : 0;
    switch (draws.next_below(known ? 14 : 2)) {
      case 0:
      case 1:
        event.what = PodSubmitted{pod, state.intern(request), 0};
        break;
      case 2:
      case 3:
      case 4:
        event.what = Reserved{pod, random_place(state, request, draws)};
        break;
      case 5:
      case 6:
      case 7:
        event.what = PodBound{pod, random_place(state, request, draws), version};
        break;
      case 8:
        event.what = PodStarted{pod, version};
        break;
      case 9:
        event.what = PodFinished{pod, version};
        break;
      case 10:
        event.what = PodEvicted{pod, version};
        break;
      case 11:
        event.what = ReservationReleased{pod};
        break;
      case 12:
        event.what = HealthChanged{NodeId{draws.next_below(9)}, static_cast<NodeHealth>(draws.next_below(3))};
        break;
      default:
        if (draws.next_below(8) == 0) {
          event.what = draws.next_below(2) == 0
                           ? decltype(event.what)(NodeRemoved{NodeId{draws.next_below(10)}})
                           : NodeAdded{gpu_node(std::string(1, static_cast<char>('a' + draws.next_below(10))),
                                                draws.next_below(2) == 0 ? "A100-80GB" : "T4", 2)};
        }
    }
    std::vector<std::string> nodes_before;
    for (const Node& node : state.nodes()) {
      nodes_before.push_back(text_of(node.state));
    }
    const Status status = state.apply(event);
    (status.ok() ? accepted : refused) += 1;
    if (!status.ok()) {
      for (std::size_t i = 0; i < nodes_before.size(); ++i) {
        ASSERT_EQ(text_of(state.nodes()[i].state), nodes_before[i]) << "step " << step;
      }
    }
    if (step % 4 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_true_to_its_pods(state)) << "step " << step << ", event " << event.what.index();
    }
  }
  EXPECT_GT(refused, 300) << "the sequence must try what does not fit";
  EXPECT_GT(accepted, 1000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClusterStatePropertyTest, ::testing::Values(1, 2, 3, 4));

class EnginePropertyTest : public ::testing::TestWithParam<const char*> {};

TEST_P(EnginePropertyTest, DecidingChangesNothingAndEveryPlaceIsFree) {
  Philox draws(5, StreamPurpose::request, 2);
  EngineOptions options{.policy = parse_policy(GetParam()).value(), .seed = 3, .target = {}, .preemption = true};
  for (int i = 0; i < 40; ++i) {
    options.target.classes.push_back({.request = random_request(draws), .count = 1 + draws.next_below(5)});
  }
  Engine engine = Engine::create(options).value();
  add_mixed_cluster([&](const Event& event) { return engine.observe(event); });
  engine.decide(engine.intern(whole_request(1)), 0);  // reads the node order once
  std::map<std::uint32_t, Candidate> held;
  std::vector<Action> actions;
  int bound = 0;
  for (std::uint32_t step = 0; step < 800; ++step) {
    const PodId pod{step};
    const RequestClassId request = engine.intern(random_request(draws));
    ASSERT_TRUE(engine.observe({step, PodSubmitted{pod, request, 0}}).ok());
    const std::string before = visible_state(engine.state(), false);
    const Decision decision = engine.decide(request, step);
    const Decision again = engine.decide(request, step);
    ASSERT_EQ(visible_state(engine.state(), false), before);
    ASSERT_EQ(outcome_name(decision), std::string(outcome_name(again)));
    const Candidate* place = candidate_of(decision);
    if (place != nullptr) {
      ASSERT_EQ(*place, *candidate_of(again)) << "asked twice, answered twice";
      const Status committed = engine.commit(pod, decision, step, actions);
      ASSERT_TRUE(committed.ok()) << committed.error().to_string();
      if (const auto* preempt = std::get_if<PreemptThenBind>(&decision)) {
        for (const PodId victim : preempt->victims) {
          ASSERT_EQ(held.erase(victim.value), 1U);
          ASSERT_TRUE(engine.observe({step, PodFinished{victim, 0}}).ok());
        }
      }
      ASSERT_TRUE(engine.observe({step, PodBound{pod, *place, 0}}).ok());
      held[step] = *place;
      ++bound;
    } else {
      ASSERT_TRUE(engine.observe({step, PodFinished{pod, 0}}).ok());
    }
    while (held.size() > 40 || (!held.empty() && draws.next_below(3) == 0)) {
      auto leaver = held.begin();
      std::advance(leaver, draws.next_below(static_cast<std::uint32_t>(held.size())));
      ASSERT_TRUE(engine.observe({step, PodFinished{PodId{leaver->first}, 0}}).ok());
      held.erase(leaver);
    }
    if (step % 97 == 0) {
      const NodeId node{draws.next_below(8)};
      const bool ready = engine.state().node(node).health == NodeHealth::ready;
      ASSERT_TRUE(engine.observe({step, HealthChanged{node, ready ? NodeHealth::down : NodeHealth::ready}}).ok());
    }
    if (step % 10 == 0) {
      ClusterState copy = engine.state();
      ASSERT_NO_FATAL_FAILURE(expect_true_to_its_pods(copy)) << "step " << step;
    }
  }
  EXPECT_GT(bound, 300);
}

TEST_P(EnginePropertyTest, CommitAndFinishLeadBackToTheSameNodes) {
  Philox draws(6, StreamPurpose::request, 3);
  Engine engine =
      Engine::create({.policy = parse_policy(GetParam()).value(), .seed = 3, .target = {}, .preemption = true}).value();
  add_mixed_cluster([&](const Event& event) { return engine.observe(event); });
  const auto hashes = [&] {
    std::vector<std::uint64_t> all;
    for (const Node& node : engine.state().nodes()) {
      all.push_back(hash_value(node.state));
    }
    return all;
  };
  const std::vector<std::uint64_t> empty = hashes();
  std::vector<std::uint32_t> held;
  std::vector<std::vector<std::uint64_t>> history;
  std::vector<Action> actions;
  for (std::uint32_t step = 0; step < 60; ++step) {
    GpuRequest wanted = random_request(draws);
    wanted.priority = 0;    // nobody is evicted here
    wanted.cpu_milli += 1;  // so that every pod shows
    const RequestClassId request = engine.intern(wanted);
    ASSERT_TRUE(engine.observe({0, PodSubmitted{PodId{step}, request, 0}}).ok());
    const Decision decision = engine.decide(request, 0);
    if (std::holds_alternative<Bind>(decision)) {
      history.push_back(hashes());
      ASSERT_TRUE(engine.commit(PodId{step}, decision, 0, actions).ok());
      ASSERT_NE(hashes(), history.back());
      held.push_back(step);
    }
  }
  ASSERT_GT(held.size(), 20U);
  while (!held.empty()) {
    ASSERT_TRUE(engine.observe({0, PodFinished{PodId{held.back()}, 0}}).ok());
    ASSERT_EQ(hashes(), history.back());
    held.pop_back();
    history.pop_back();
  }
  EXPECT_EQ(hashes(), empty);
}

INSTANTIATE_TEST_SUITE_P(Policies, EnginePropertyTest,
                         ::testing::Values("first_fit", "round_robin", "best_fit", "fgd", "buddy", "random"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace gpusched
