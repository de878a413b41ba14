#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "gpusched/engine/engine.hpp"

#include "engine/mode_search.hpp"

namespace gpusched {

/// Looks for one pod whose move to another GPU makes a place for a job that states intent and finds none: the least
/// sum of what both places cost. docs/reshape-on-block.md
class ModeMove {
 public:
  /// Contract: the search is in sync with the state.
  ModeMove(ClusterState& state, ModeSearch& search, const ReshapeOptions& options, RequestClassId request, TimeNs now,
           const std::vector<char>* in_scope)
      : state_(state), search_(search), options_(options), request_(request), now_(now), in_scope_(in_scope) {}

  std::optional<ReshapeThenBind> find();

 private:
  /// GPUs looked at, in node order: a refusal must not cost more in a larger cluster.
  static constexpr std::uint32_t most_gpus = 1024;
  /// Pods for which another place is looked for.
  static constexpr std::size_t most_searches = 64;

  /// A pod without which its GPU takes the job.
  struct Way {
    PodId pod;
    ModeCandidate place;  ///< of the job

    auto key() const { return std::tuple(place.cost, place.ordinal, pod.value); }
  };

  void list_ways(NodeId node);
  std::optional<ReshapeThenBind> with_place_elsewhere(const Way& way);

  ClusterState& state_;
  ModeSearch& search_;
  const ReshapeOptions& options_;
  RequestClassId request_;
  TimeNs now_;
  const std::vector<char>* in_scope_;
  std::vector<Way> ways_;
};

}  // namespace gpusched
