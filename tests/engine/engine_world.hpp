#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster_builders.hpp"

namespace gpusched::test {

/// An engine with its nodes; pods are numbered as they come.
class World {
 public:
  explicit World(const std::string& policy, std::vector<NodeSpec> nodes = {}, std::uint64_t seed = 1,
                 bool preemption = true)
      : engine(Engine::create(
                   {.policy = parse_policy(policy).value(), .seed = seed, .target = {}, .preemption = preemption})
                   .value()) {
    for (NodeSpec& node : nodes) {
      EXPECT_TRUE(engine.observe({0, NodeAdded{std::move(node)}}).ok());
    }
    engine.decide(engine.intern(cpu_request(0)), 0);  // puts the nodes in order, so that states compare
  }
  PodId submit(const GpuRequest& request) {
    const PodId pod{next_pod++};
    EXPECT_TRUE(engine.observe({0, PodSubmitted{pod, engine.intern(request), 0}}).ok());
    return pod;
  }
  Decision decide(const GpuRequest& request, std::optional<std::span<const NodeId>> scope = std::nullopt) {
    return engine.decide(engine.intern(request), 0, scope);
  }
  /// Submits, decides, commits and binds; returns the pod.
  PodId place(const GpuRequest& request) {
    const PodId pod = submit(request);
    const Decision decision = decide(request);
    EXPECT_TRUE(std::holds_alternative<Bind>(decision)) << outcome_name(decision);
    bind(pod, decision);
    return pod;
  }
  void bind(PodId pod, const Decision& decision) {
    std::vector<Action> actions;
    const Status committed = engine.commit(pod, decision, 0, actions);
    ASSERT_TRUE(committed.ok()) << committed.error().to_string();
    ASSERT_TRUE(engine.observe({0, PodBound{pod, *candidate_of(decision), 0}}).ok());
  }
  /// Binds a pod to a place of our choice.
  PodId put(const GpuRequest& request, const Candidate& place) {
    const PodId pod = submit(request);
    const Status bound = engine.observe({0, PodBound{pod, place, 0}});
    EXPECT_TRUE(bound.ok()) << (bound.ok() ? "" : bound.error().to_string());
    return pod;
  }
  void finish(PodId pod) { EXPECT_TRUE(engine.observe({0, PodFinished{pod, 0}}).ok()); }
  NodeId node(const std::string& name) const { return engine.state().find_node(name); }
  std::string name_of(const Decision& decision) const {
    const Candidate* place = candidate_of(decision);
    return place == nullptr ? outcome_name(decision) : engine.state().node(place->node).spec.name;
  }
  std::string node_of(PodId pod) const {
    return engine.state().node(engine.state().pod(pod)->placement.node).spec.name;
  }

  Engine engine;
  std::uint32_t next_pod = 0;
};

using Reasons = std::map<std::string, std::uint32_t>;

inline Reasons reasons_of(const Decision& decision) {
  Reasons reasons;
  const RejectCounts* counts = nullptr;
  if (const auto* wait = std::get_if<Wait>(&decision)) {
    counts = &wait->reasons;
  } else if (const auto* infeasible = std::get_if<Infeasible>(&decision)) {
    counts = &infeasible->reasons;
  }
  for (std::size_t i = 0; counts != nullptr && i < counts->size(); ++i) {
    if ((*counts)[i] > 0) {
      reasons[to_string(static_cast<RejectReason>(i))] = (*counts)[i];
    }
  }
  return reasons;
}

}  // namespace gpusched::test
