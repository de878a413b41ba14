#pragma once

#include <cstdint>

#include "gpusched/base/philox.hpp"

namespace gpusched::sim {

/// What a job draws for. Each has a stream of its own, so that one never shifts the other.
enum class JobDraws : std::uint64_t { course = 0, crash = 1, error = 2 };

inline Philox draw_stream(std::uint64_t seed, std::uint64_t entity, JobDraws what) {
  return {seed, StreamPurpose::execution, entity * 4 + static_cast<std::uint64_t>(what)};
}

}  // namespace gpusched::sim
