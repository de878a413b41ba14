#pragma once

#include <cstdint>

/// Marks what host and device compile alike. Host sources have no CUDA.
#ifdef __CUDACC__
#define GPUSCHED_HOST_DEVICE __host__ __device__
#else
#define GPUSCHED_HOST_DEVICE
#endif

namespace gpusched::suite {

// What buffers hold. Every operand is a small whole number that bf16 and fp32 hold exactly, and every sum stays below
// 2^24: fp32 adds such numbers exactly in any order, so a result is right or wrong and no check needs a tolerance. The
// bound of 15 keeps five bits of the mantissa busy; all-equal operands would draw less power and run at higher clocks.

/// Of matrices: a sum of k products stays below 2^24 up to k = 74,000.
inline constexpr int matrix_bound = 15;
/// Of queries, keys and values: 2048 tokens x (128 x 9) x 3 = 7.1 million.
inline constexpr int cache_bound = 3;

/// A hash of (buffer, index) that mixes well (Wellons' lowbias32).
GPUSCHED_HOST_DEVICE inline std::uint32_t element_hash(std::uint32_t buffer, std::uint64_t index) {
  std::uint32_t x = static_cast<std::uint32_t>(index) ^ (static_cast<std::uint32_t>(index >> 32) * 0x9E3779B9U) ^
                    (buffer * 0x85EBCA6BU);
  x ^= x >> 16;
  x *= 0x7FEB352DU;
  x ^= x >> 15;
  x *= 0x846CA68BU;
  x ^= x >> 16;
  return x;
}

/// Element `index` of a buffer: a whole number in [-bound, bound].
GPUSCHED_HOST_DEVICE inline int element(std::uint32_t buffer, std::uint64_t index, int bound) {
  const auto range = static_cast<std::uint32_t>(2 * bound + 1);
  return static_cast<int>(element_hash(buffer, index) % range) - bound;
}

// Buffers of the jobs. One that has layers uses the number plus 16 x the layer.
enum Buffer : std::uint32_t { buffer_a = 1, buffer_b = 2, buffer_query = 3, buffer_key = 4, buffer_value = 5 };
GPUSCHED_HOST_DEVICE inline std::uint32_t layer_buffer(Buffer buffer, int layer) {
  return static_cast<std::uint32_t>(buffer) + 16U * static_cast<std::uint32_t>(layer);
}

/// A launch-bound kernel counts to this and starts again at 0, which fp32 does exactly.
inline constexpr int bump_period = 4096;
GPUSCHED_HOST_DEVICE inline float bumped(float value) {
  return value >= static_cast<float>(bump_period) ? 0.0F : value + 1.0F;
}

/// What a triad stores; b and c are elements of buffer_a and buffer_b.
inline constexpr float triad_factor = 3;
GPUSCHED_HOST_DEVICE inline float triad(float b, float c) { return b + triad_factor * c; }

}  // namespace gpusched::suite
