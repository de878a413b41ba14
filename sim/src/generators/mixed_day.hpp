#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "generators/mig_shapes.hpp"
#include "generators/trace_builder.hpp"

namespace gpusched::sim {

/// What the parameters of mixed-day come to.
struct MixedDay {
  std::int64_t days = 1;
  std::int64_t nodes = 8;
  double load = 0;
  std::string model;  ///< of all nodes; empty = three models
  /// Names of the MIG shapes; empty = the model has none, and the jobs that want them are left out.
  std::optional<std::array<std::string, mig_shapes.size()>> profiles;

  double gpus() const { return 8.0 * static_cast<double>(nodes); }
  double span_s() const { return 86'400.0 * static_cast<double>(days); }
};

/// Services, which come first and stay.
void add_mixed_day_services(const MixedDay& day, std::uint64_t seed, TraceBuilder& builder);
/// Everything that arrives through the day: training, gangs, CPU-only work, bursts, dev sessions, MIG batches.
void add_mixed_day_arrivals(const MixedDay& day, std::uint64_t seed, TraceBuilder& builder);

/// The tenant of the next job, the larger ones more often.
std::string draw_tenant(Philox& stream);

/// Streams of one seed; numbers are part of the result, never reuse one.
enum class MixedDaySource : std::uint64_t {
  training = 1,
  gang = 2,
  cpu_only = 3,
  burst = 4,
  dev = 5,
  dev_mig = 6,
  mig_batch = 7,
  service_share = 8,
  service_whole = 9,
  service_mig = 10,
};

}  // namespace gpusched::sim
