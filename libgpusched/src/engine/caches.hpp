#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "gpusched/engine/engine.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "engine/mig_ranking.hpp"
#include "engine/mode_search.hpp"
#include "engine/node_ranking.hpp"

namespace gpusched {

/// What a policy that chooses modes needs besides.
struct ModeChoice {
  ModeChoice(const ModeRules& rules, RequestFilter& filter) : search(rules, filter) {}

  /// How much of the change log is known to hold no place for a request that was refused.
  struct Refusal {
    std::uint64_t generation = 0;
    std::size_t log_position = 0;
    bool lacked_host = false;  ///< some GPU only lacked CPU or memory of its node
  };
  ModeSearch search;
  std::vector<Refusal> refusals;  // by request class; generation 0: never refused
};

/// What the engine remembers between decisions; all of it can be dropped at any time without changing an answer.
struct Engine::Caches {
  explicit Caches(const PolicyTraits& traits) : node_index(traits.view) {
    if (traits.modes) {
      modes.emplace(*traits.modes, filter);
      instances_lie_anywhere = traits.modes->layout == MigLayout::dynamic && traits.modes->pools.size() == 1;
    }
  }

  /// The class under which a request's rankings are kept.
  template <typename MakeKey>
  RequestClassId ranking_key(ClusterState& state, RequestClassId request, MakeKey make_key) {
    if (request.value >= key_of_request.size()) {
      key_of_request.resize(request.value + std::size_t{1});
    }
    if (!key_of_request[request.value].valid()) {
      const RequestClassId key = state.intern(make_key(state.request(request)));
      key_of_request[request.value] = key;
    }
    return key_of_request[request.value];
  }
  NodeRanking& node_ranking(RequestClassId key) {
    if (key.value >= node_rankings.size()) {
      node_rankings.resize(key.value + std::size_t{1});
    }
    return node_rankings[key.value];
  }
  MigRanking& mig_ranking(RequestClassId key) {
    if (key.value >= mig_rankings.size()) {
      mig_rankings.resize(key.value + std::size_t{1});
    }
    return mig_rankings[key.value];
  }

  /// Asks the policy for its MIG preferences on every model in the index, once each.
  void refresh_mig_preferences(PlacementPolicy& policy, const ScoringContext& context, const GpuIndex& index) {
    mig_preferences.resize(gpu_catalog().size());
    for (const GpuIndex::Bucket& bucket : index.buckets()) {
      if (!mig_preferences[bucket.model] && gpu_model(GpuModelId{bucket.model}).has_lattice()) {
        const GpuModelId model{bucket.model};
        const MigRule& rule = policy.traits().mig_rule;
        mig_preferences[bucket.model].emplace(rule ? rule(context, model) : best_fit_mig(MigLattice::of(model)));
      }
    }
  }

  NodeIndex node_index;
  RequestFilter filter;
  std::optional<ModeChoice> modes;      // of a policy that chooses modes
  bool instances_lie_anywhere = false;  // those that a choice of mode made: neither a layout nor pools say where
  std::vector<RequestClassId> key_of_request;
  std::deque<NodeRanking> node_rankings;  // by key; references stay valid
  NodeRanking::Scratch ranking_scratch;
  std::deque<MigRanking> mig_rankings;
  std::vector<std::optional<MigPreference>> mig_preferences;  // by GpuModelId
};

/// What the ranking of nodes depends on: everything but memory (checked by node) and what no node sees.
GpuRequest ranking_key(const GpuRequest& request);

/// Turns the choice of a node class into devices of a node: a share goes to the lowest device in the state chosen,
/// several to the tightest devices that fit.
Candidate assign_gpus(const GpuRequest& request, NodeId id, const Node& node, const NodeState& chosen_state,
                      std::uint16_t gpu);

}  // namespace gpusched
