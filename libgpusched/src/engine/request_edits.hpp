#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/cluster/gpu_request.hpp"

namespace gpusched {

/// A number of a request that may be edited in whole steps, one way.
struct NumberEdit {
  std::string field;
  std::int64_t start = 0;  ///< in steps; the request as it is behaves as `start` does
  std::int64_t limit = 0;  ///< the farthest value worth trying
  std::string from;        ///< what the request says now
  std::function<GpuRequest(std::int64_t)> apply;
  std::function<std::string(std::int64_t)> text;
  /// Relative to nothing stated: the value farthest from `start` that still changes the answer is the one to name.
  bool names_farthest = false;
};

/// A word of a request set to another one.
struct WordEdit {
  std::string field;
  std::string from, to;
  GpuRequest request;
  std::int64_t size_milli = 0;
};

/// What the explanation needs to know besides the request.
struct EditContext {
  std::int64_t profile_memory_mib = 0;  ///< the footprint never falls below it; 0 = no profile
  bool chooses_mode = false;
  bool is_placed = false;  ///< the request got a place: only edits that choose another one are of interest
};

std::vector<NumberEdit> number_edits(const ClusterState& state, const GpuRequest& request, const EditContext& context);
std::vector<WordEdit> word_edits(const ClusterState& state, const GpuRequest& request, const EditContext& context);

}  // namespace gpusched
