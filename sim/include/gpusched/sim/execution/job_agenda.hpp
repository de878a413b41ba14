#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/base/units.hpp"

namespace gpusched::sim {

/// When each of many jobs has something to do, the earliest first; equal times by number. One time per job, which may
/// change at any moment: a binary heap that knows where each job is.
class JobAgenda {
 public:
  /// Adds the next job, with nothing to do.
  void add_job() { position_.push_back(absent); }
  /// From now on the job's time is this one; never_ns takes it off.
  void set(std::uint32_t job, TimeNs time_ns);

  bool empty() const { return heap_.empty(); }
  /// Contract: not empty.
  TimeNs top_time_ns() const { return heap_.front().time_ns; }
  std::uint32_t top_job() const { return heap_.front().job; }

 private:
  struct Entry {
    TimeNs time_ns = 0;
    std::uint32_t job = 0;
    bool before(const Entry& other) const {
      return time_ns != other.time_ns ? time_ns < other.time_ns : job < other.job;
    }
  };
  static constexpr std::uint32_t absent = 0xffffffffU;

  void put(std::uint32_t at, const Entry& entry);
  void rise(std::uint32_t at, const Entry& entry);
  void sink(std::uint32_t at, const Entry& entry);

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> position_;  // by job
};

}  // namespace gpusched::sim
