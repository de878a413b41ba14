#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <tuple>

#include "gpusched/base/units.hpp"

namespace gpusched::sim {

/// A unit in line. Units of one class ask for the same: where one does not fit, no other does.
struct WaitingUnit {
  std::uint32_t unit = 0;
  std::int32_t priority = 0;
  TimeNs submit_ns = 0;
  std::uint32_t unit_class = 0;
};

/// Units that wait, by priority (high first), then time of submission.
class WaitQueue {
 public:
  using TryStart = std::function<bool(std::uint32_t unit)>;

  virtual ~WaitQueue() = default;
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  virtual void push(const WaitingUnit& waiting) = 0;
  /// Units that are not in line are ignored.
  virtual void remove(const WaitingUnit& waiting) = 0;
  /// Tries units in order. `try_start` returns true when the unit started; it leaves the queue. Units may join
  /// meanwhile.
  virtual void pass(const TryStart& try_start) = 0;
  /// Whether a newcomer of this priority may be tried before it waits.
  virtual bool tries_newcomer(std::int32_t priority) const = 0;

  std::size_t size() const { return size_; }

 protected:
  using Key = std::tuple<std::int32_t, TimeNs, std::uint32_t>;  // (-priority, submit, unit)
  static Key key_of(const WaitingUnit& waiting) { return {-waiting.priority, waiting.submit_ns, waiting.unit}; }

  std::size_t size_ = 0;
};

/// Keeps the units of a class behind each other: when the first does not fit, the others of its class are not tried, so
/// that a pass over a long queue costs one decision per class.
class ClassQueue final : public WaitQueue {
 public:
  /// `strict`: nobody overtakes; the first that does not start ends a pass.
  explicit ClassQueue(bool strict) : strict_(strict) {}

  void push(const WaitingUnit& waiting) override;
  void remove(const WaitingUnit& waiting) override;
  void pass(const TryStart& try_start) override;
  bool tries_newcomer(std::int32_t priority) const override;

 private:
  bool strict_ = false;
  std::map<std::uint32_t, std::map<Key, char>> by_class_;
};

/// One line per priority, of which the first `depth` are tried: where hardly two units are alike, what a pass costs
/// must not grow with the queue.
class LineQueue final : public WaitQueue {
 public:
  explicit LineQueue(std::size_t depth) : depth_(depth) {}

  void push(const WaitingUnit& waiting) override;
  void remove(const WaitingUnit& waiting) override;
  void pass(const TryStart& try_start) override;
  bool tries_newcomer(std::int32_t priority) const override;

 private:
  using Line = std::map<Key, std::uint32_t>;  // classes

  std::size_t depth_ = 0;
  std::map<std::int32_t, Line> lines_;  // by -priority
};

}  // namespace gpusched::sim
