#include "gpusched/base/philox.hpp"

#include <cmath>

#include "gpusched/base/check.hpp"

namespace gpusched {

namespace {
constexpr std::uint32_t multiplier_0 = 0xD2511F53U;
constexpr std::uint32_t multiplier_1 = 0xCD9E8D57U;
constexpr std::uint32_t weyl_0 = 0x9E3779B9U;
constexpr std::uint32_t weyl_1 = 0xBB67AE85U;
}  // namespace

std::array<std::uint32_t, 4> Philox::block(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{multiplier_1} * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key[0] += weyl_0;
    key[1] += weyl_1;
  }
  return counter;
}

Philox::Philox(std::uint64_t seed, StreamPurpose purpose, std::uint64_t entity)
    : counter_{0, static_cast<std::uint32_t>(purpose), static_cast<std::uint32_t>(entity),
               static_cast<std::uint32_t>(entity >> 32)},
      key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {}

std::uint32_t Philox::next_u32() {
  if (used_ == 4) {
    buffer_ = block(counter_, key_);
    ++counter_[0];
    GPUSCHED_CHECK(counter_[0] != 0, "a stream holds 2^34 numbers");
    used_ = 0;
  }
  return buffer_[static_cast<std::size_t>(used_++)];
}

std::uint64_t Philox::next_u64() {
  const std::uint64_t high = next_u32();
  return (high << 32) | next_u32();
}

double Philox::next_unit() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

std::uint32_t Philox::next_below(std::uint32_t bound) {
  GPUSCHED_CHECK(bound > 0, "the bound of a random integer must be positive");
  std::uint64_t product = std::uint64_t{next_u32()} * bound;
  if (static_cast<std::uint32_t>(product) < bound) {
    const std::uint32_t threshold = (0U - bound) % bound;
    while (static_cast<std::uint32_t>(product) < threshold) {
      product = std::uint64_t{next_u32()} * bound;
    }
  }
  return static_cast<std::uint32_t>(product >> 32);
}

double Philox::next_exponential() { return -std::log1p(-next_unit()); }

double Philox::next_normal() {
  // Box-Muller without the second value: a stream stays a plain function of its counter.
  const double radius = std::sqrt(2.0 * next_exponential());
  return radius * std::cos(6.283185307179586 * next_unit());
}

double Philox::next_gamma(double shape) {
  GPUSCHED_CHECK(shape > 0, "the shape of a gamma law must be positive");
  if (shape < 1.0) {
    const double boost = std::pow(1.0 - next_unit(), 1.0 / shape);
    return next_gamma(shape + 1.0) * boost;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = next_normal();
    const double v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
    if (v > 0 && std::log1p(-next_unit()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return d * v;
    }
  }
}

}  // namespace gpusched
