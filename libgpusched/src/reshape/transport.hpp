#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gpusched/base/ids.hpp"

namespace gpusched::reshape {

/// Free places of one node that cost the same.
struct PlaceGroup {
  NodeId node;
  std::int64_t loss = 0;
  std::int64_t places = 0;
};

/// Pods of one node that have to go.
struct Supply {
  NodeId node;
  std::int64_t pods = 0;
};

/// How many pods go from a supply to a group, as indexes.
struct Shipment {
  std::size_t supply = 0;
  std::size_t group = 0;
  std::int64_t pods = 0;
};

/// Sends every pod to a place: least sum of losses, then fewest pods that leave their node. nullopt: too few places.
/// A min-cost flow; in any node cheaper groups are full before dearer ones take a pod.
std::optional<std::vector<Shipment>> ship(const std::vector<Supply>& supplies, const std::vector<PlaceGroup>& groups);

}  // namespace gpusched::reshape
