#pragma once

#include <array>
#include <cstdint>
#include <utility>

namespace gpusched {

/// What a random stream is for, so that adding a consumer never shifts the draws of another.
enum class StreamPurpose : std::uint32_t {
  arrival = 1,
  duration = 2,
  request = 3,
  tie_break = 4,
  policy = 5,
  failure = 6,
  look_ahead = 7,
  order = 8,
  execution = 9,
  load_scale = 10,
};

/// Philox4x32-10, the counter-based generator of Salmon et al. (SC'11): same draws on every compiler and machine.
/// A stream is (seed, purpose, entity); streams are independent and cheap to open.
class Philox {
 public:
  Philox(std::uint64_t seed, StreamPurpose purpose, std::uint64_t entity = 0);

  /// The raw block function, for the published test vectors.
  static std::array<std::uint32_t, 4> block(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1), 53 bits.
  double next_unit();
  /// Uniform in [0, bound), unbiased (Lemire). `bound` > 0.
  std::uint32_t next_below(std::uint32_t bound);
  /// Exponential with mean 1.
  double next_exponential();
  /// Normal with mean 0 and standard deviation 1.
  double next_normal();
  /// Gamma with the given shape and scale 1 (Marsaglia and Tsang). `shape` > 0.
  double next_gamma(double shape);

  /// Fisher-Yates over a random-access range.
  template <typename Range>
  void shuffle(Range& range) {
    for (auto i = static_cast<std::uint32_t>(range.size()); i > 1; --i) {
      const std::uint32_t j = next_below(i);
      using std::swap;
      swap(range[i - 1], range[j]);
    }
  }

 private:
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> buffer_{};
  int used_ = 4;
};

}  // namespace gpusched
