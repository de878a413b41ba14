#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/simulator.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// A recorded order: which pods arrive one after the other, and in which order nodes break ties. It repeats a run of
/// another simulator whose random numbers are not ours.
struct ArrivalOrder {
  std::vector<std::uint32_t> arrivals;   ///< indices of pods in file order; a pod may arrive several times
  std::vector<std::uint32_t> node_rank;  ///< rank of each node in file order, a permutation; empty when not given
};

/// Text of two lines, `arrivals I J K ...` and `node_rank R S T ...`; lines that begin with # are remarks.
/// invalid_argument: a word that is no number, an unknown or repeated line, an index not below `pods`, ranks that are
/// not a permutation of 0..nodes-1. data_loss: no arrivals.
Result<ArrivalOrder> parse_order(std::string_view text, const std::string& file, std::size_t pods, std::size_t nodes);

/// The same from a file, plain or gzip.
Result<ArrivalOrder> read_order(const std::string& path, std::size_t pods, std::size_t nodes);

/// Has the jobs of the trace arrive in the order of the file, one per second, none of which leaves; nodes get its
/// ranks. The published rule goes with it: each is tried once. Errors: those of read_order().
Status take_order(const std::string& path, const Trace& trace, SimulationOptions& options);

}  // namespace gpusched::sim
