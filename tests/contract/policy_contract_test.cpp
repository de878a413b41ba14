// What every policy promises, over every row of the table; and that a wrong row is found out.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/mig_lattice.hpp"
#include "gpusched/policy/registry.hpp"

#include "cluster_builders.hpp"

namespace gpusched {

/// For the names of parameterised tests.
void PrintTo(const PolicyInfo& policy, std::ostream* out) { *out << policy.name; }

namespace {

using namespace test;

/// Whoever answers: an engine with a policy, or one that a test made wrong on purpose.
class Decider {
 public:
  explicit Decider(Engine wrapped) : engine(std::move(wrapped)) {}
  virtual ~Decider() = default;
  virtual Decision decide(RequestClassId request) { return engine.decide(request, 0); }

  Engine engine;
};

using MakeDecider = std::function<std::unique_ptr<Decider>(const DemandMix& target)>;

MakeDecider policy_named(std::string_view name) {
  return [name = std::string(name)](const DemandMix& target) {
    return std::make_unique<Decider>(
        Engine::create({.policy = {.name = name, .parameters = {}}, .seed = 5, .target = target, .preemption = false})
            .value());
  };
}

/// Each contract returns what it found wrong; empty when all is well.
using Findings = std::string;

std::vector<NodeSpec> random_nodes(Philox& draws, bool limit_tenants) {
  std::vector<NodeSpec> nodes;
  const std::pair<const char*, NodeSharing> kinds[] = {{"A100-80GB", NodeSharing::any},
                                                       {"A100-80GB", NodeSharing::mig},
                                                       {"T4", NodeSharing::any},
                                                       {"T4", NodeSharing::time_slice},
                                                       {"H100-80GB-SXM5", NodeSharing::any},
                                                       {"", NodeSharing::any},
                                                       {"T4", NodeSharing::exclusive},
                                                       {"A30", NodeSharing::mig}};
  for (int i = 0; i < 6; ++i) {
    const auto& [model, sharing] = kinds[draws.next_below(8)];
    const int gpus = *model == '\0' ? 0 : static_cast<int>(1 + draws.next_below(4));
    nodes.push_back(gpu_node("n" + std::to_string(i), model, gpus, sharing));
    nodes.back().replicas = limit_tenants && sharing == NodeSharing::time_slice ? 3 : 0;
  }
  return nodes;
}

GpuRequest random_request(Philox& draws) {
  static constexpr const char* profiles[] = {"1g.10gb", "1g.20gb", "2g.20gb",    "3g.40gb",
                                             "4g.40gb", "7g.80gb", "1g.10gb+me", "2g.12gb"};
  GpuRequest request;
  switch (draws.next_below(7)) {
    case 0:
      break;
    case 1:
    case 2:
      request = whole_request(static_cast<std::int32_t>(1 + draws.next_below(3)));
      break;
    case 3:
    case 4:
      request = share_request(static_cast<std::int32_t>(10 * (1 + draws.next_below(99))));
      request.gpu_memory_mib = draws.next_below(3) == 0 ? 4096 : 0;
      break;
    default:
      request = mig_request(profiles[draws.next_below(8)], 1 + static_cast<std::int32_t>(draws.next_below(5) / 4));
  }
  request.cpu_milli = 1000 * draws.next_below(9);
  request.memory_mib = 2048 * draws.next_below(9);
  return request;
}

/// Whether some node takes the request now, found node by node and start by start.
bool fits_somewhere(const ClusterState& state, RequestFilter& filter, RequestClassId id) {
  const GpuRequest& request = state.request(id);
  for (const Node& node : state.nodes()) {
    if (node.removed || !node.state.schedulable ||
        filter.static_reason(state, id, node.state.shape) != RejectReason::none) {
      continue;
    }
    if (request.mig_profile.empty()) {
      if (RequestFilter::capacity_reason(request, node.state) == RejectReason::none) {
        return true;
      }
      continue;
    }
    if (node.state.cpu_free_milli < request.cpu_milli || node.state.memory_free_mib < request.memory_mib) {
      continue;
    }
    const ResolvedProfile& profile = filter.resolve(state, id, node.state.gpus[0].model);
    int places = 0;
    for (const GpuState& gpu : node.state.gpus) {
      if (gpu.free_milli != milli_per_unit || (gpu.mig_labels & profile.conflicts) != 0 ||
          (profile.needs_empty_gpu && gpu.mig_occupancy != 0)) {
        continue;
      }
      int here = 0;
      for (const MigPlacement& place : MigLattice::of(GpuModelId{gpu.model}).placements_of(profile.shape)) {
        here += (gpu.mig_occupancy & place.range.mask()) == 0 ? 1 : 0;
      }
      places += profile.mig_labels != 0 ? std::min(here, 1) : here;
    }
    if (places >= request.num_gpu) {
      return true;
    }
  }
  return false;
}

/// What the answer gives must be what was asked, on devices that have it, within the node's limits.
Findings check_answer(const ClusterState& state, RequestFilter& filter, RequestClassId id, const Candidate& place) {
  const GpuRequest& request = state.request(id);
  const Node& node = state.node(place.node);
  if (filter.static_reason(state, id, node.state.shape) != RejectReason::none || !node.state.schedulable) {
    return "a node that does not serve such requests";
  }
  if (place.gpus.size() != static_cast<std::size_t>(request.num_gpu)) {
    return "not as many devices as asked for";
  }
  std::set<std::uint16_t> devices;
  for (const GpuAssignment& part : place.gpus) {
    const GpuState& gpu = node.state.gpus[part.gpu];
    if (!request.mig_profile.empty()) {
      if (part.range.size == 0 || part.profile != filter.resolve(state, id, gpu.model).profile) {
        return "not the instance asked for";
      }
      const MigProfile& row = gpu_model(GpuModelId{gpu.model}).profiles[part.profile.value];
      if (std::find(row.starts.begin(), row.starts.end(), part.range.start) == row.starts.end() ||
          part.range.size != row.memory_units) {
        return "an instance where the model does not allow one";
      }
    } else {
      if (part.share_milli != request.gpu_milli || !devices.insert(part.gpu).second) {
        return "not the share asked for";
      }
      if (!share_fits(request, node.state, gpu)) {
        return "a device that has no room (tenants and memory included)";
      }
    }
  }
  return {};
}

/// Random arrivals and departures on random clusters: the same answers twice, whatever fits is placed, and no place is
/// given that the cluster state refuses.
Findings check_random_clusters(const MakeDecider& make, bool limit_tenants = false) {
  for (std::uint64_t round = 0; round < 12; ++round) {
    Philox draws(round, StreamPurpose::request, 9);
    DemandMix target;
    for (int i = 0; i < 20; ++i) {
      target.classes.push_back({.request = random_request(draws), .count = 1 + draws.next_below(9)});
    }
    const std::unique_ptr<Decider> first = make(target);
    const std::unique_ptr<Decider> second = make(target);
    const auto observe = [&](const Event& event) {
      const bool ok = first->engine.observe(event).ok();
      return second->engine.observe(event).ok() && ok;
    };
    for (const NodeSpec& node : random_nodes(draws, limit_tenants)) {
      observe({0, NodeAdded{node}});
    }
    RequestFilter filter;
    std::vector<PodId> held;
    for (std::uint32_t step = 0; step < 120; ++step) {
      const GpuRequest request = random_request(draws);
      const RequestClassId id = first->engine.intern(request);
      second->engine.intern(request);
      const std::string where = "round " + std::to_string(round) + ", step " + std::to_string(step) + ": ";
      observe({0, PodSubmitted{PodId{step}, id, 0}});
      const bool fits = fits_somewhere(first->engine.state(), filter, id);
      const Decision decision = first->decide(id);
      const Decision again = second->decide(second->engine.intern(request));
      const Candidate* place = candidate_of(decision);
      const Candidate* other = candidate_of(again);
      if ((place == nullptr) != (other == nullptr) || (place != nullptr && !(*place == *other))) {
        return where + "two answers to one question: " + (place == nullptr ? "none" : text_of(*place)) + " and " +
               (other == nullptr ? "none" : text_of(*other));
      }
      if (fits != (place != nullptr)) {
        return where + (fits ? "a node has room, but the answer is " : "no node has room, but the answer is ") +
               outcome_name(decision);
      }
      if (place != nullptr) {
        if (const Findings wrong = check_answer(first->engine.state(), filter, id, *place); !wrong.empty()) {
          return where + wrong + ": " + text_of(*place) + " on " +
                 text_of(first->engine.state().node(place->node).state);
        }
        if (!observe({0, PodBound{PodId{step}, *place, 0}})) {
          return where + "the cluster state refuses " + text_of(*place);
        }
        held.push_back(PodId{step});
      } else {
        observe({0, PodFinished{PodId{step}, 0}});
      }
      if (!held.empty() && draws.next_below(3) == 0) {
        const std::uint32_t leaver = draws.next_below(static_cast<std::uint32_t>(held.size()));
        observe({0, PodFinished{held[leaver], 0}});
        held.erase(held.begin() + leaver);
      }
    }
  }
  return {};
}

/// Seven of the smallest instances fit one empty seven-slice GPU, in whatever order a policy takes the starts.
Findings check_seven_instances(const MakeDecider& make) {
  DemandMix target;
  target.classes = {{.request = mig_request("1g.10gb"), .count = 1}};
  const std::unique_ptr<Decider> decider = make(target);
  if (!decider->engine.observe({0, NodeAdded{gpu_node("a", "A100-80GB", 1, NodeSharing::mig)}}).ok()) {
    return "the node is refused";
  }
  for (std::uint32_t i = 0; i < 7; ++i) {
    const RequestClassId id = decider->engine.intern(mig_request("1g.10gb"));
    if (!decider->engine.observe({0, PodSubmitted{PodId{i}, id, 0}}).ok()) {
      return "the pod is refused";
    }
    const Decision decision = decider->decide(id);
    const Candidate* place = candidate_of(decision);
    if (place == nullptr || !decider->engine.observe({0, PodBound{PodId{i}, *place, 0}}).ok()) {
      return "instance " + std::to_string(i + 1) + " finds no place";
    }
  }
  return {};
}

/// One GPU is shared already and has room, one is idle, and the mix wants whole GPUs: the share joins the first.
Findings check_idle_gpu_is_spared(const MakeDecider& make, const std::string& shared_node) {
  DemandMix target;
  target.classes = {{.request = whole_request(1), .count = 8}, {.request = share_request(250), .count = 2}};
  const std::unique_ptr<Decider> decider = make(target);
  for (const char* name : {"a", "b"}) {
    if (!decider->engine.observe({0, NodeAdded{gpu_node(name, "A100-80GB", 1)}}).ok()) {
      return "the node is refused";
    }
  }
  const RequestClassId id = decider->engine.intern(share_request(250));
  const NodeId shared = decider->engine.state().find_node(shared_node);
  if (!decider->engine.observe({0, PodSubmitted{PodId{0}, id, 0}}).ok() ||
      !decider->engine.observe({0, PodBound{PodId{0}, place_on(shared, {share_on(0, 250)}), 0}}).ok() ||
      !decider->engine.observe({0, PodSubmitted{PodId{1}, id, 0}}).ok()) {
    return "the pod is refused";
  }
  const Decision decision = decider->decide(id);
  const Candidate* place = candidate_of(decision);
  return place != nullptr && place->node == shared ? "" : "the share goes to the GPU that the mix needs whole";
}

class PolicyContractTest : public ::testing::TestWithParam<PolicyInfo> {};

TEST_P(PolicyContractTest, PlacesWhateverFitsOnPlacesThatAreFreeAndAlwaysTheSame) {
  EXPECT_EQ(check_random_clusters(policy_named(GetParam().name)), "");
}

TEST_P(PolicyContractTest, NoDeviceGetsMoreTenantsThanTheNodeAllows) {
  EXPECT_EQ(check_random_clusters(policy_named(GetParam().name), true), "");
}

TEST_P(PolicyContractTest, SevenSmallInstancesFitOneEmptyGpu) {
  EXPECT_EQ(check_seven_instances(policy_named(GetParam().name)), "");
}

TEST_P(PolicyContractTest, AShareDoesNotTakeTheGpuThatTheMixNeedsWhole) {
  const std::string name(GetParam().name);
  static const std::set<std::string> packing = {"best_fit", "fgd", "buddy", "mfi", "mcc"};
  if (!packing.contains(name) && name.rfind("placeable", 0) != 0) {
    GTEST_SKIP() << name << " does not promise this: it spreads, draws lots or goes by order";
  }
  EXPECT_EQ(check_idle_gpu_is_spared(policy_named(name), "a"), "");
  EXPECT_EQ(check_idle_gpu_is_spared(policy_named(name), "b"), "");
}

TEST_P(PolicyContractTest, DefaultsAreAccepted) {
  PolicyChoice choice{.name = std::string(GetParam().name), .parameters = {}};
  EXPECT_TRUE(make_policy(choice, 1).ok());
  for (const PolicyParameter& parameter : GetParam().parameters) {
    choice.parameters[std::string(parameter.name)] = std::string(parameter.default_value);
    EXPECT_FALSE(parameter.description.empty()) << parameter.name;
    EXPECT_FALSE(parameter.values.empty()) << parameter.name;
  }
  const auto made = make_policy(choice, 1);
  EXPECT_TRUE(made.ok()) << made.error().to_string();
}

TEST_P(PolicyContractTest, EveryListedValueWorksAndOthersAreRefused) {
  for (const PolicyParameter& parameter : GetParam().parameters) {
    if (parameter.values.find('|') == std::string_view::npos) {
      continue;
    }
    PolicyChoice choice{.name = std::string(GetParam().name), .parameters = {}};
    std::string_view rest = parameter.values;
    while (!rest.empty()) {
      const std::size_t bar = rest.find('|');
      choice.parameters[std::string(parameter.name)] = std::string(rest.substr(0, bar));
      EXPECT_TRUE(make_policy(choice, 1).ok()) << choice.parameters.begin()->second;
      rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
    }
    choice.parameters[std::string(parameter.name)] = "nonsense";
    const auto refused = make_policy(choice, 1);
    ASSERT_FALSE(refused.ok()) << parameter.name;
    EXPECT_NE(refused.error().to_string().find("nonsense"), std::string::npos);
  }
}

TEST_P(PolicyContractTest, UnknownParametersAreRefusedWithTheKnownOnes) {
  const auto refused = make_policy({.name = std::string(GetParam().name), .parameters = {{"no_such", "1"}}}, 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::not_found);
  EXPECT_NE(refused.error().message.find("no_such"), std::string::npos);
  for (const PolicyParameter& parameter : GetParam().parameters) {
    EXPECT_NE(refused.error().remedy.find(std::string(parameter.name)), std::string::npos);
  }
}

TEST_P(PolicyContractTest, HasADescriptionAndAPage) {
  EXPECT_FALSE(GetParam().description.empty());
  const char* const source = std::getenv("GPUSCHED_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run the tests through ctest";
  const std::filesystem::path page =
      std::filesystem::path(source) / "docs" / "policies" / (std::string(GetParam().name) + ".md");
  EXPECT_TRUE(std::filesystem::exists(page)) << "docs/policies/" << GetParam().name << ".md is missing";
}

INSTANTIATE_TEST_SUITE_P(Policies, PolicyContractTest, ::testing::ValuesIn(policies().begin(), policies().end()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(PolicyRegistryTest, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const PolicyInfo& row : policies()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    const auto found = find_policy(row.name);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found.value()->name, row.name);
  }
}

TEST(PolicyRegistryTest, UnknownNamesListTheKnownOnes) {
  const auto missing = find_policy("nonesuch");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  for (const PolicyInfo& row : policies()) {
    EXPECT_NE(missing.error().remedy.find(std::string(row.name)), std::string::npos) << row.name;
  }
}

TEST(PolicyRegistryTest, ReadsNamesWithParameters) {
  const auto choice = parse_policy("fgd:resolution=100,tie=rank");
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice.value().name, "fgd");
  EXPECT_EQ(choice.value().parameters, (PolicyParameters{{"resolution", "100"}, {"tie", "rank"}}));
  EXPECT_TRUE(parse_policy("fgd").value().parameters.empty());
  for (const char* wrong : {"fgd:resolution", "fgd:=100", "fgd:,", "nonesuch", "", ":a=b"}) {
    EXPECT_FALSE(parse_policy(wrong).ok()) << wrong;
  }
}

// The contracts above must find out who breaks them.

/// Answers with a device that has no room.
class GivesTakenDevices final : public Decider {
 public:
  using Decider::Decider;
  Decision decide(RequestClassId request) override {
    Decision decision = Decider::decide(request);
    if (auto* bind = std::get_if<Bind>(&decision); bind != nullptr && !bind->candidate.gpus.empty()) {
      const GpuStates& gpus = engine.state().node(bind->candidate.node).state.gpus;
      for (std::uint16_t i = 0; i < gpus.size(); ++i) {
        if (!gpus[i].idle()) {
          bind->candidate.gpus[0].gpu = i;
        }
      }
    }
    return decision;
  }
};

/// Every instance answers differently.
class ChangesItsMind final : public Decider {
 public:
  explicit ChangesItsMind(Engine wrapped) : Decider(std::move(wrapped)), turn_(++made_) {}
  Decision decide(RequestClassId request) override {
    Decision decision = Decider::decide(request);
    if (auto* bind = std::get_if<Bind>(&decision); bind != nullptr && turn_ % 2 == 0) {
      bind->candidate.node = NodeId{(bind->candidate.node.value + 1) % 6};
    }
    return decision;
  }

 private:
  static inline int made_ = 0;
  int turn_;
};

/// Gives up where there is room.
class GivesUp final : public Decider {
 public:
  using Decider::Decider;
  Decision decide(RequestClassId request) override {
    return ++asked_ % 5 == 0 ? Decision{Wait{}} : Decider::decide(request);
  }

 private:
  int asked_ = 0;
};

/// Serves instances from the top of the GPU, units 7 and down: no model allows that.
class IgnoresTheLattice final : public Decider {
 public:
  using Decider::Decider;
  Decision decide(RequestClassId request) override {
    Decision decision = Decider::decide(request);
    if (auto* bind = std::get_if<Bind>(&decision); bind != nullptr && !bind->candidate.gpus.empty()) {
      GpuAssignment& part = bind->candidate.gpus[0];
      part.range.start = static_cast<std::int16_t>(part.range.size == 2 ? 1 : part.range.start);
    }
    return decision;
  }
};

template <typename Wrong>
MakeDecider planted(std::string_view policy = "best_fit") {
  return [policy](const DemandMix& target) {
    return std::make_unique<Wrong>(std::move(policy_named(policy)(target)->engine));
  };
}

TEST(PolicyContractSelfTest, TakenDevicesAreFound) {
  EXPECT_NE(check_random_clusters(planted<GivesTakenDevices>()), "");
}

TEST(PolicyContractSelfTest, ChangingAnswersAreFound) {
  EXPECT_NE(check_random_clusters(planted<ChangesItsMind>()).find("two answers"), std::string::npos);
}

TEST(PolicyContractSelfTest, GivingUpIsFound) {
  EXPECT_NE(check_random_clusters(planted<GivesUp>()).find("has room"), std::string::npos);
  EXPECT_NE(check_seven_instances(planted<GivesUp>()), "");
}

TEST(PolicyContractSelfTest, IllegalStartsAreFound) {
  EXPECT_NE(check_random_clusters(planted<IgnoresTheLattice>()).find("does not allow"), std::string::npos);
}

TEST(PolicyContractSelfTest, SpreadingPoliciesDoNotSpareTheIdleGpu) {
  EXPECT_NE(check_idle_gpu_is_spared(policy_named("worst_fit"), "a"), "");
  EXPECT_NE(check_idle_gpu_is_spared(policy_named("first_fit"), "b"), "");
}

}  // namespace
}  // namespace gpusched
