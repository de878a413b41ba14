#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "gpusched/base/units.hpp"

namespace gpusched::sim {

/// Units that wait, by priority (high first), then time of submission. Units of one class wait in line behind each
/// other: when the first of a class does not fit, the others of that class are not tried, so that a pass over a long
/// queue costs one decision per class.
class WaitQueue {
 public:
  void push(std::uint32_t unit, std::int32_t priority, TimeNs submit_ns, std::uint32_t unit_class);
  void remove(std::uint32_t unit, std::int32_t priority, TimeNs submit_ns, std::uint32_t unit_class);
  std::size_t size() const { return size_; }

  /// Tries units in order. `try_start(unit)` returns true when it started (it leaves the queue). With `strict` the
  /// first that does not start ends the pass.
  void pass(bool strict, const std::function<bool(std::uint32_t)>& try_start);

 private:
  using Key = std::tuple<std::int32_t, TimeNs, std::uint32_t>;  // (-priority, submit, unit)
  std::map<std::uint32_t, std::map<Key, char>> by_class_;
  std::size_t size_ = 0;
};

}  // namespace gpusched::sim
