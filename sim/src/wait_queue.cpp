#include "wait_queue.hpp"

#include <set>
#include <unordered_set>

namespace gpusched::sim {

void ClassQueue::push(const WaitingUnit& waiting) {
  by_class_[waiting.unit_class].emplace(key_of(waiting), 0);
  ++size_;
}

void ClassQueue::remove(const WaitingUnit& waiting) {
  const auto line = by_class_.find(waiting.unit_class);
  if (line != by_class_.end() && line->second.erase(key_of(waiting)) > 0) {
    --size_;
    if (line->second.empty()) {
      by_class_.erase(line);
    }
  }
}

bool ClassQueue::tries_newcomer(std::int32_t /*priority*/) const { return !strict_ || size_ == 0; }

void ClassQueue::pass(const TryStart& try_start) {
  // The first of each class, in overall order; a class whose first fails is closed for this pass.
  std::set<std::pair<Key, std::uint32_t>> heads;
  for (const auto& [unit_class, line] : by_class_) {
    heads.insert({line.begin()->first, unit_class});
  }
  while (!heads.empty()) {
    const auto [key, unit_class] = *heads.begin();
    heads.erase(heads.begin());
    if (!try_start(std::get<2>(key))) {
      if (strict_) {
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

void LineQueue::push(const WaitingUnit& waiting) {
  lines_[-waiting.priority].emplace(key_of(waiting), waiting.unit_class);
  ++size_;
}

void LineQueue::remove(const WaitingUnit& waiting) {
  const auto line = lines_.find(-waiting.priority);
  if (line != lines_.end()) {
    size_ -= line->second.erase(key_of(waiting));
  }
}

bool LineQueue::tries_newcomer(std::int32_t priority) const {
  const auto line = lines_.find(-priority);
  return line == lines_.end() || line->second.size() < depth_;
}

void LineQueue::pass(const TryStart& try_start) {
  std::unordered_set<std::uint32_t> closed;  // classes of which one was refused
  for (auto& [priority, line] : lines_) {
    std::size_t refused = 0;
    for (auto place = line.begin(); place != line.end() && refused < depth_;) {
      const auto [key, unit_class] = *place;
      if (!closed.contains(unit_class) && try_start(std::get<2>(key))) {
        place = line.erase(place);
        --size_;
      } else {
        closed.insert(unit_class);
        ++refused;
        ++place;
      }
    }
  }
}

}  // namespace gpusched::sim
