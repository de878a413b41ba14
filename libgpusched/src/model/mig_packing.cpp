#include "gpusched/model/mig_packing.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "gpusched/base/check.hpp"

namespace gpusched {

namespace {

constexpr std::int64_t max_count = std::int64_t{1} << 50;  // keeps the weighted sums below 2^63

void check_counts(const MigCounts& counts) {
  GPUSCHED_CHECK(std::all_of(counts.begin(), counts.end(), [](auto n) { return n >= 0 && n <= max_count; }),
                 "a number of instances is negative or absurd");
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

Status check_seven_slice(const MigLattice& lattice) {
  struct Shape {
    int compute_slices, memory_units;
    std::vector<std::int16_t> starts;
  };
  const std::array<Shape, 6> wanted{{{1, 1, {0, 1, 2, 3, 4, 5, 6}},
                                     {1, 2, {0, 2, 4, 6}},
                                     {2, 2, {0, 2, 4}},
                                     {3, 4, {0, 4}},
                                     {4, 4, {0}},
                                     {7, 8, {0}}}};
  const auto same = [](const MigShape& shape, const Shape& want) {
    return shape.compute_slices == want.compute_slices && shape.memory_units == want.memory_units &&
           shape.starts == want.starts;
  };
  const auto shapes = lattice.shapes();
  if (lattice.units() == 8 && std::equal(shapes.begin(), shapes.end(), wanted.begin(), wanted.end(), same)) {
    return {};
  }
  Error error;
  error.code = ErrorCode::unsupported;
  error.message = "constant-time packing holds for the seven-slice placements only, not for a lattice of " +
                  std::to_string(lattice.units()) + " units and " + std::to_string(shapes.size()) + " shapes";
  return error;
}

std::int64_t min_gpus(const MigCounts& counts) {
  check_counts(counts);
  const auto [n1, d, n2, n3, n4, n7] = counts;
  return std::max({
      n7 + n4,                                                       // left halves
      divide_up(3 * n7 + 2 * n4 + n3 + n2, 3),                       // pairs {0,1}, {2,3}, {4,5}
      divide_up(4 * n7 + 2 * n4 + 2 * n3 + n2 + d, 4),               // all pairs
      divide_up(7 * n7 + 4 * n4 + 3 * n3 + 2 * n2 + d + n1, 7),      // compute slices
      divide_up(8 * n7 + 4 * n4 + 4 * n3 + 2 * n2 + 2 * d + n1, 8),  // memory units
  });
}

bool packs(const MigCounts& counts, std::int64_t gpus) { return min_gpus(counts) <= gpus; }

Result<MigFreeBlocks> MigFreeBlocks::create(const MigLattice& lattice) {
  const Status status = check_seven_slice(lattice);
  if (!status.ok()) {
    return status.error();
  }
  return MigFreeBlocks();
}

Result<MigFreeBlocks> MigFreeBlocks::from_masks(const MigLattice& lattice, std::span<const std::uint16_t> masks) {
  Result<MigFreeBlocks> blocks = create(lattice);
  if (blocks.ok()) {
    for (const std::uint16_t mask : masks) {
      blocks.value().add_gpu(mask);
    }
  }
  return blocks;
}

void MigFreeBlocks::add_gpu(std::uint16_t mask, std::int64_t count) {
  GPUSCHED_CHECK(mask <= 0xff, "a seven-slice GPU has eight placement units");
  const auto is_free = [mask](unsigned units) { return (mask & units) == 0; };
  if (is_free(0xff)) {
    whole_ += count;
    return;
  }
  const auto add_pair = [&](int start) {
    if (is_free(3U << start)) {
      (start == 6 ? last_pairs_ : pairs_) += count;
      return;
    }
    singles_ += is_free(1U << start) ? count : 0;
    singles_ += start != 6 && is_free(2U << start) ? count : 0;  // no instance of one unit starts at 7
  };
  if (is_free(0x0f)) {
    left_ += count;
  } else {
    add_pair(0);
    add_pair(2);
  }
  if (is_free(0xf0)) {
    right_ += count;
  } else {
    add_pair(4);
    add_pair(6);
  }
}

bool MigFreeBlocks::fits(const MigCounts& counts) const {
  check_counts(counts);
  const auto [n1, d, n2, n3, n4, n7] = counts;
  // Largest first, each into the windows that serve the smaller ones worst: the exchange argument of the page.
  const std::int64_t whole = whole_ - n7;
  std::int64_t left = left_ + whole - n4;
  std::int64_t right = right_ + whole - n3;
  if (whole < 0 || left < 0) {
    return false;
  }
  if (right < 0) {
    left += right;
    right = 0;
  }
  const std::int64_t pairs_before = pairs_ + 2 * left + right - n2;
  if (left < 0 || pairs_before < 0) {
    return false;
  }
  const std::int64_t last_pairs_before = last_pairs_ + right;
  const std::int64_t in_last_pairs = std::min(d, last_pairs_before);
  const std::int64_t pairs = pairs_before - (d - in_last_pairs);
  return pairs >= 0 && n1 <= singles_ + 2 * pairs + last_pairs_before - in_last_pairs;
}

}  // namespace gpusched
