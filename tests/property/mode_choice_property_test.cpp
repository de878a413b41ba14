// What must hold whatever arrives, checked by rules of its own: from the placements and the slowdown laws, not from
// the sums that the engine keeps.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/io/event_log.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "random_mode_cluster.hpp"

namespace gpusched {
namespace {

using namespace test;

constexpr std::uint64_t streams = 150;
constexpr int steps = 80;
constexpr std::int64_t context_mib = 512;

std::string full_text(const Engine& engine, const Decision& decision) {
  std::string text;
  EventLogWriter writer([&](std::string_view line) { text += line; }, [](PodId) { return std::string("pod"); });
  const std::vector<PodId> pods = {PodId{0}};
  writer.decision(engine, 0, pods, std::span(&decision, 1));
  return text;
}

/// The pods on one MIG instance whose tenants take turns.
std::vector<PodId> tenants_of_instance(const ClusterState& state, NodeId node, const GpuAssignment& on) {
  std::vector<PodId> tenants;
  for (const PodId pod : state.node(node).pods) {
    const GpuAssignment& part = state.pod(pod)->placement.gpus[0];
    if (part.gpu == on.gpu && part.takes_turns() && part.range == on.range) {
      tenants.push_back(pod);
    }
  }
  return tenants;
}

/// The pods that share one GPU which is not cut.
std::vector<PodId> tenants_of(const ClusterState& state, NodeId node, std::size_t gpu) {
  std::vector<PodId> tenants;
  for (const PodId pod : state.node(node).pods) {
    const GpuAssignment& part = state.pod(pod)->placement.gpus[0];
    if (part.gpu == gpu && part.sharing != PartitionSharing::exclusive && part.range.size == 0) {
      tenants.push_back(pod);
    }
  }
  return tenants;
}

std::int64_t footprint_mib(const ClusterState& state, const GpuRequest& request) {
  const JobProfile* profile = state.profile(request.job_profile);
  return std::max(request.gpu_memory_mib, profile != nullptr ? profile->memory_peak_mib : 0);
}

/// Profiles of jobs that nobody measured are the engine's own matter; such tenants are left out as judges, so streams
/// that check slowdowns measure every job.
std::vector<double> slowdowns_of(const ClusterState& state, const std::vector<PodId>& pods, const GpuAssignment& on) {
  const PerfConstants constants;
  std::vector<TenantDemand> demands;
  for (const PodId pod : pods) {
    const JobProfile* profile = state.profile(state.request(state.pod(pod)->request).job_profile);
    const TenantDemand whole = tenant_demand(*profile, LoadPoint::planned, constants);
    const GpuModelId model = state.node(state.pod(pod)->placement.node).spec.gpus[on.gpu].model;
    demands.push_back(
        on.range.size == 0 ? whole : on_slice(whole, slice_slowdown_milli(*profile, model, on.profile, constants)));
  }
  std::vector<double> slowdowns(demands.size());
  if (on.sharing == PartitionSharing::mps) {
    mps_slowdown(demands, constants, slowdowns);
  } else {
    time_slice_slowdown(demands, constants, slowdowns);
  }
  return slowdowns;
}

/// No overlap, isolation and memory on the instances of one node.
void expect_instances_hold(const ClusterState& state, NodeId id) {
  const Node& node = state.node(id);
  for (const PodId pod : node.pods) {
    const GpuAssignment& part = state.pod(pod)->placement.gpus[0];
    for (const PodId other : node.pods) {
      const GpuAssignment& its = state.pod(other)->placement.gpus[0];
      const bool meet = other != pod && its.gpu == part.gpu && (its.range.mask() & part.range.mask()) != 0;
      EXPECT_TRUE(!meet ||
                  (part.takes_turns() && its.takes_turns() && part.range == its.range && part.profile == its.profile));
    }
    if (!part.takes_turns()) {
      continue;
    }
    const std::vector<PodId> tenants = tenants_of_instance(state, id, part);
    std::int64_t needed_mib = 0;
    for (const PodId tenant : tenants) {
      const GpuRequest& request = state.request(state.pod(tenant)->request);
      EXPECT_EQ(request.isolation, Isolation::none) << "isolated, and in a shared context";
      EXPECT_GT(footprint_mib(state, request), 0) << "nobody knows how much it needs";
      needed_mib += footprint_mib(state, request) + context_mib;
    }
    EXPECT_LE(needed_mib, gpu_model(node.spec.gpus[0].model).profiles[part.profile.value].memory_mib.value_or(0));
    EXPECT_LE(tenants.size(), 4U);
  }
}

/// Isolation, trust and memory on every GPU of the cluster.
void expect_rules_hold(const ClusterState& state) {
  for (std::uint32_t id = 0; id < state.nodes().size(); ++id) {
    const Node& node = state.nodes()[id];
    expect_instances_hold(state, NodeId{id});
    for (std::size_t gpu = 0; gpu < node.spec.gpus.size(); ++gpu) {
      const std::vector<PodId> tenants = tenants_of(state, NodeId{id}, gpu);
      std::int64_t needed_mib = 0;
      for (const PodId pod : tenants) {
        const GpuRequest& request = state.request(state.pod(pod)->request);
        EXPECT_EQ(request.isolation, Isolation::none) << "isolated, and in a shared context";
        EXPECT_GT(footprint_mib(state, request), 0) << "nobody knows how much it needs";
        needed_mib += footprint_mib(state, request) + context_mib;
        if (node.state.gpus[gpu].sharing == PartitionSharing::mps) {
          const GpuRequest& first = state.request(state.pod(tenants[0])->request);
          EXPECT_FALSE(request.trust_domain.empty());
          EXPECT_EQ(request.trust_domain, first.trust_domain);
        }
      }
      EXPECT_LE(needed_mib, node.spec.gpus[gpu].memory_mib);
      EXPECT_LE(tenants.size(), 8U);
    }
  }
}

/// The node shares its GPUs so, and they are of a model that the job takes.
void expect_node_serves(const ClusterState& state, const Candidate& place, const GpuRequest& request) {
  const Node& node = state.node(place.node);
  const GpuAssignment& part = place.gpus[0];
  const NodeSharing sharing = part.range.size > 0                            ? NodeSharing::mig
                              : part.sharing == PartitionSharing::mps        ? NodeSharing::mps
                              : part.sharing == PartitionSharing::time_slice ? NodeSharing::time_slice
                                                                             : NodeSharing::exclusive;
  EXPECT_TRUE(node.spec.sharing == NodeSharing::any || node.spec.sharing == sharing);
  const GpuModelId model = node.spec.gpus[0].model;
  EXPECT_TRUE(request.gpu_models.empty() ||
              std::any_of(request.gpu_models.begin(), request.gpu_models.end(),
                          [&](const std::string& name) { return model_named(name) == model; }));
}

/// Nobody on the newcomer's GPU is slowed more than it tolerates, and an instance is large and fast enough.
void expect_newcomer_breaks_no_limit(const ClusterState& state, const Candidate& place, const GpuRequest& request) {
  expect_node_serves(state, place, request);
  const GpuAssignment& part = place.gpus[0];
  if (part.range.size > 0) {
    const GpuModel& model = gpu_model(state.node(place.node).spec.gpus[0].model);
    EXPECT_GE(model.profiles[part.profile.value].memory_mib.value_or(0), footprint_mib(state, request) + context_mib);
  }
  if (part.sharing == PartitionSharing::exclusive) {
    return;
  }
  const std::vector<PodId> tenants =
      part.takes_turns() ? tenants_of_instance(state, place.node, part) : tenants_of(state, place.node, part.gpu);
  const std::vector<double> slowdowns = slowdowns_of(state, tenants, part);
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    const double tolerated = state.request(state.pod(tenants[i])->request).max_slowdown;
    EXPECT_LE(slowdowns[i], tolerated > 0 ? tolerated : 1000.0);
  }
}

GpuRequest measured_intent(RandomModeCluster& cluster) {
  GpuRequest request = cluster.random_intent();
  request.job_profile = "p" + std::to_string(cluster.below(12));
  return request;
}

/// A job comes, or one goes.
template <typename Arrive>
void step(RandomModeCluster& cluster, Arrive arrive) {
  if (cluster.below(3) == 0) {
    cluster.leave();
  } else {
    arrive(measured_intent(cluster));
  }
}

TEST(ModeChoicePropertyTest, HardRulesHoldWhateverComes) {
  std::map<PartitionSharing, int> shared;
  for (std::uint64_t stream = 0; stream < streams; ++stream) {
    SCOPED_TRACE("stream " + std::to_string(stream));
    RandomModeCluster cluster(stream);
    for (int i = 0; i < steps; ++i) {
      step(cluster, [&](const GpuRequest& request) {
        const Decision decision = cluster.arrive(request);
        if (const auto* bind = std::get_if<Bind>(&decision)) {
          expect_newcomer_breaks_no_limit(cluster.engine().state(), bind->candidate, request);
          const GpuAssignment& part = bind->candidate.gpus[0];
          shared[part.sharing] += part.range.size == 0 ? 1 : 0;
        }
      });
      expect_rules_hold(cluster.engine().state());
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(shared[PartitionSharing::time_slice], 200);
  EXPECT_GT(shared[PartitionSharing::mps], 200);
}

TEST(ModeChoicePropertyTest, HardRulesHoldOnTimeSlicedInstances) {
  int joined = 0;
  int stayed_alone = 0;  // isolated
  for (std::uint64_t stream = 0; stream < streams; ++stream) {
    SCOPED_TRACE("stream " + std::to_string(stream));
    RandomModeCluster cluster(stream, "auto:instance_room=1,wholeness=0.5,class_lead=1");
    for (int i = 0; i < steps; ++i) {
      GpuRequest request = measured_intent(cluster);
      request.job_class = cluster.below(2) == 0 ? JobClass::batch : JobClass::always_on;
      request.trust_domain.clear();
      request.mode = SharingMode::unstated;
      request.max_slowdown = 2 + 0.001 * cluster.below(9000);
      if (cluster.below(4) == 0) {
        cluster.leave();
        continue;
      }
      const Decision decision = cluster.arrive(request);
      const ClusterState& state = cluster.engine().state();
      if (const auto* bind = std::get_if<Bind>(&decision)) {
        const GpuAssignment& part = bind->candidate.gpus[0];
        expect_newcomer_breaks_no_limit(state, bind->candidate, request);
        joined += part.takes_turns() && tenants_of_instance(state, bind->candidate.node, part).size() > 1 ? 1 : 0;
        stayed_alone += part.range.size > 0 && request.isolation != Isolation::none ? 1 : 0;
      }
      expect_rules_hold(state);
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(joined, 100);
  EXPECT_GT(stayed_alone, 100);
}

TEST(ModeChoicePropertyTest, HardRulesHoldWhenPodsAreMovedForOthers) {
  std::map<std::pair<PartitionSharing, bool>, int> moved_to;  // by sharing, and whether to an instance
  for (std::uint64_t stream = 0; stream < 4 * streams; ++stream) {
    SCOPED_TRACE("stream " + std::to_string(stream));
    RandomModeCluster cluster(stream, "auto:class_lead=1", {.one_move_on_block = true, .cooldown_ns = 0});
    for (int i = 0; i < steps; ++i) {
      step(cluster, [&](const GpuRequest& request) {
        const Decision decision = cluster.arrive(request);
        const auto* reshape = std::get_if<ReshapeThenBind>(&decision);
        if (reshape == nullptr) {
          return;
        }
        const ClusterState& state = cluster.engine().state();
        const GpuRequest& moved = state.request(state.pod(reshape->move.pod)->request);
        EXPECT_TRUE(moved.job_class == JobClass::always_on || moved.job_class == JobClass::batch);
        EXPECT_FALSE(reshape->move.from.gpus[0].takes_turns());
        EXPECT_TRUE(reshape->mode.has_value());
        expect_newcomer_breaks_no_limit(state, reshape->candidate, request);
        expect_newcomer_breaks_no_limit(state, reshape->move.to, moved);
        const GpuAssignment& part = reshape->move.to.gpus[0];
        ++moved_to[{part.sharing, part.range.size > 0}];
      });
      expect_rules_hold(cluster.engine().state());
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT((moved_to[{PartitionSharing::exclusive, true}]), 10);
  EXPECT_GT((moved_to[{PartitionSharing::time_slice, false}]), 50);
  EXPECT_GT((moved_to[{PartitionSharing::mps, false}]), 50);
}

TEST(ModeChoicePropertyTest, TheUsersOwnModeWins) {
  int named = 0;
  for (std::uint64_t stream = 0; stream < streams; ++stream) {
    RandomModeCluster cluster(stream);
    for (int i = 0; i < steps; ++i) {
      step(cluster, [&](const GpuRequest& request) {
        const Decision decision = cluster.arrive(request);
        const auto* bind = std::get_if<Bind>(&decision);
        if (bind != nullptr && request.mode != SharingMode::unstated) {
          ++named;
          EXPECT_EQ(static_cast<int>(bind->mode->mode) + 1, static_cast<int>(request.mode)) << "stream " << stream;
        }
      });
    }
  }
  EXPECT_GT(named, 100);
}

TEST(ModeChoicePropertyTest, StillRefusedIsRight) {
  int said_so = 0;
  int found_a_place = 0;
  for (std::uint64_t stream = 0; stream < streams; ++stream) {
    RandomModeCluster cluster(stream);
    std::vector<RequestClassId> waiting;
    Engine& engine = cluster.engine();
    for (int i = 0; i < steps; ++i) {
      step(cluster, [&](const GpuRequest& request) {
        const Decision decision = cluster.arrive(request);
        if (std::holds_alternative<Wait>(decision) || std::holds_alternative<Infeasible>(decision)) {
          waiting.push_back(engine.intern(request));
        }
      });
      if (cluster.below(4) == 0) {  // takes no GPU, but CPU that others wait for
        cluster.arrive(cpu_request(8000 * (1 + cluster.below(6))));
      }
      for (const RequestClassId id : waiting) {
        const bool still = engine.still_refused(id);
        const bool refused = candidate_of(engine.decide(id, 0)) == nullptr;
        said_so += still ? 1 : 0;
        found_a_place += refused ? 0 : 1;
        EXPECT_TRUE(!still || refused) << "stream " << stream << " step " << i << " "
                                       << full_text(engine, engine.decide(id, 0));
      }
    }
  }
  EXPECT_GT(said_so, 1000);
  EXPECT_GT(found_a_place, 100);
}

TEST(ModeChoicePropertyTest, AnEngineMadeFromTheEventsDecidesTheSame) {
  for (std::uint64_t stream = 0; stream < streams; ++stream) {
    RandomModeCluster cluster(stream);
    for (int i = 0; i < steps; ++i) {
      step(cluster, [&](const GpuRequest& request) { cluster.arrive(request); });
    }
    Engine& lived = cluster.engine();
    Engine rebuilt = Engine::create({.policy = parse_policy("auto").value(), .seed = stream, .target = {}}).value();
    for (std::uint32_t i = 0; i < lived.state().request_class_count(); ++i) {
      rebuilt.intern(lived.state().request(RequestClassId{i}));
    }
    for (const Event& event : cluster.events()) {
      ASSERT_TRUE(rebuilt.observe(event).ok());
    }
    for (int i = 0; i < 20; ++i) {
      const GpuRequest request = measured_intent(cluster);
      EXPECT_EQ(full_text(lived, lived.decide(lived.intern(request), 0)),
                full_text(rebuilt, rebuilt.decide(rebuilt.intern(request), 0)))
          << "stream " << stream;
    }
  }
}

}  // namespace
}  // namespace gpusched
