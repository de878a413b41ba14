#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gpusched/cluster/node_index.hpp"

namespace gpusched {

/// One value per class of nodes, found when first asked for; forgotten when the index numbers its classes anew.
template <typename T>
class NodeClassMemo {
 public:
  /// `find(state)` gives the value.
  template <typename Find>
  const T& of_slot(const NodeIndex& index, std::uint32_t slot, Find find) {
    if (generation_ != index.generation()) {
      generation_ = index.generation();
      values_.clear();
    }
    const std::uint32_t id = index.class_of_slot(slot).value;
    if (id >= values_.size()) {
      values_.resize(index.class_count());
    }
    if (!values_[id]) {
      values_[id] = find(index.state_of_slot(slot));
    }
    return *values_[id];
  }
  void clear() { values_.clear(); }

 private:
  std::vector<std::optional<T>> values_;  // by NodeClassId
  std::uint64_t generation_ = 0;
};

}  // namespace gpusched
