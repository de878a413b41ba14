#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/sim/trace.hpp"

#include "readers/id_index.hpp"

namespace gpusched::sim {

std::uint64_t hash_value(const JobSpec& spec);

/// Adds jobs to a trace: ids stay unique, equal specs, gangs and neighbouring extras are stored once.
class JobCollector {
 public:
  explicit JobCollector(Trace& trace);

  /// False, and nothing added, when the id is taken.
  bool add(TraceJob job);

  std::uint32_t intern_spec(const JobSpec& spec);
  std::int32_t intern_gang(std::string_view name);
  /// Index of a row of extra values; rows equal to the one before share it.
  std::uint32_t add_extra(std::span<const std::string_view> values);

 private:
  void grow_spec_slots();

  Trace& trace_;
  IdIndex ids_;
  IdIndex gangs_;
  std::vector<std::uint32_t> spec_slots_;  // open addressing into Trace::specs
};

/// Brings jobs and events into the order that Trace promises.
void sort_by_time(Trace& trace);

}  // namespace gpusched::sim
