#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "gpusched/score/free_shares.hpp"

namespace gpusched {

/// What a class of requests takes from a node.
struct DemandShape {
  std::int32_t cpu_milli = 0;
  std::int32_t num_gpu = 0;    ///< 0 = CPU only
  std::int32_t gpu_milli = 0;  ///< of each GPU

  std::int32_t total_milli() const { return num_gpu * gpu_milli; }
  bool is_share() const { return num_gpu == 1 && gpu_milli < milli_per_unit; }
};

/// What is left of a node that served the request. A share goes to a GPU that has exactly `share` free; whole GPUs are
/// idle ones, several shares go to the tightest GPUs. Contract: it fits.
FreeShares after_request(const FreeShares& node, const DemandShape& shape, std::uint16_t share);

/// The distinct shapes of a demand, numbered in the order of first appearance.
class DemandShapes {
 public:
  static constexpr std::int32_t most_fitting = 255;

  /// The number of the shape, which is added where it is new.
  std::uint32_t index_of(const DemandShape& shape);
  const DemandShape& operator[](std::uint32_t index) const { return shapes_[index].demand; }
  std::size_t size() const { return shapes_.size(); }
  /// size() rounded up, so that loops over counts have no remainder.
  std::size_t padded_size() const { return (shapes_.size() + block - 1) / block * block; }

  /// Appends, for every shape, how many requests of it alone fit on the node, at most 255; zeros up to padded_size().
  void append_fitting(const FreeShares& node, std::vector<std::uint8_t>& counts) const;

 private:
  static constexpr std::size_t block = 16;
  struct Entry {
    DemandShape demand;
    std::uint32_t cpu_kind = 0;  // into cpu_kinds_
    std::uint32_t gpu_kind = 0;  // into gpu_kinds_
  };

  std::vector<Entry> shapes_;
  // Few sizes make many shapes: each is divided by once per node.
  std::vector<std::int32_t> cpu_kinds_;
  std::vector<std::pair<std::int32_t, std::int32_t>> gpu_kinds_;  // number, milli-GPU of each
};

}  // namespace gpusched
