#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gpusched/base/philox.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// Collects the jobs of a trace in any order: equal specs are stored once, finish() sorts.
class TraceBuilder {
 public:
  explicit TraceBuilder(Trace& trace) : trace_(trace) {}

  /// The job may be changed until the next add().
  TraceJob& add(std::string id, const JobSpec& spec, TimeNs submit_ns, TimeNs duration_ns);

  /// Jobs and events by time, equal times in the order of addition.
  void finish();

 private:
  std::uint32_t intern(const JobSpec& spec);

  Trace& trace_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> specs_;  // by hash of the request; never iterated as a whole
};

/// Index of a row, with probabilities in proportion to the member `weight`. Takes one number of the stream at least.
template <typename Rows>
std::size_t draw_row(Philox& stream, const Rows& rows) {
  std::uint32_t total = 0;
  for (const auto& row : rows) {
    total += row.weight;
  }
  std::uint32_t pick = stream.next_below(total);
  std::size_t index = 0;
  for (; pick >= rows[index].weight; ++index) {
    pick -= rows[index].weight;
  }
  return index;
}

/// A name and a number with leading zeros, so that names sort like numbers.
std::string numbered(std::string_view prefix, std::size_t number, std::size_t digits);

}  // namespace gpusched::sim
