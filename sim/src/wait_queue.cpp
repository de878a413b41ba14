#include "wait_queue.hpp"

#include <set>

namespace gpusched::sim {

void WaitQueue::push(std::uint32_t unit, std::int32_t priority, TimeNs submit_ns, std::uint32_t unit_class) {
  by_class_[unit_class].emplace(Key{-priority, submit_ns, unit}, 0);
  ++size_;
}

void WaitQueue::remove(std::uint32_t unit, std::int32_t priority, TimeNs submit_ns, std::uint32_t unit_class) {
  const auto line = by_class_.find(unit_class);
  if (line != by_class_.end() && line->second.erase(Key{-priority, submit_ns, unit}) > 0) {
    --size_;
    if (line->second.empty()) {
      by_class_.erase(line);
    }
  }
}

void WaitQueue::pass(bool strict, const std::function<bool(std::uint32_t)>& try_start) {
  // The first of each class, in overall order; a class whose first fails is closed for this pass.
  std::set<std::pair<Key, std::uint32_t>> heads;
  for (const auto& [unit_class, line] : by_class_) {
    heads.insert({line.begin()->first, unit_class});
  }
  while (!heads.empty()) {
    const auto [key, unit_class] = *heads.begin();
    heads.erase(heads.begin());
    if (!try_start(std::get<2>(key))) {
      if (strict) {
        return;
      }
      continue;
    }
    // try_start may have queued victims: look the line up anew.
    const auto line = by_class_.find(unit_class);
    line->second.erase(key);
    --size_;
    if (line->second.empty()) {
      by_class_.erase(line);
    } else {
      heads.insert({line->second.begin()->first, unit_class});
    }
  }
}

}  // namespace gpusched::sim
