#include "gpusched/sim/execution/job_agenda.hpp"

#include "gpusched/sim/execution/job_plan.hpp"

namespace gpusched::sim {

void JobAgenda::put(std::uint32_t at, const Entry& entry) {
  heap_[at] = entry;
  position_[entry.job] = at;
}

void JobAgenda::rise(std::uint32_t at, const Entry& entry) {
  while (at > 0 && entry.before(heap_[(at - 1) / 2])) {
    put(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  put(at, entry);
}

void JobAgenda::sink(std::uint32_t at, const Entry& entry) {
  const auto size = static_cast<std::uint32_t>(heap_.size());
  for (;;) {
    std::uint32_t child = 2 * at + 1;
    if (child >= size) {
      break;
    }
    child += child + 1 < size && heap_[child + 1].before(heap_[child]) ? 1 : 0;
    if (!heap_[child].before(entry)) {
      break;
    }
    put(at, heap_[child]);
    at = child;
  }
  put(at, entry);
}

void JobAgenda::set(std::uint32_t job, TimeNs time_ns) {
  const std::uint32_t at = position_[job];
  if (at == absent) {
    if (time_ns != never_ns) {
      heap_.emplace_back();
      rise(static_cast<std::uint32_t>(heap_.size() - 1), {.time_ns = time_ns, .job = job});
    }
    return;
  }
  Entry entry{.time_ns = time_ns, .job = job};
  if (time_ns == never_ns) {
    position_[job] = absent;
    entry = heap_.back();
    heap_.pop_back();
    if (entry.job == job) {
      return;
    }
  }
  if (at > 0 && entry.before(heap_[(at - 1) / 2])) {
    rise(at, entry);
  } else {
    sink(at, entry);
  }
}

}  // namespace gpusched::sim
