#pragma once

#include <cstdint>
#include <vector>

#include "gpusched/score/demand_shape.hpp"
#include "gpusched/score/free_shares.hpp"

namespace gpusched {

/// A class of requests with its weight among all.
struct ForecastClass {
  DemandShape shape;
  std::uint64_t models = ~std::uint64_t{0};  ///< allowed, bit = dense model number
  double count = 0;
};

/// F of the placeable policies: the GPU that random future arrivals still fill on one node alone, first come first
/// served, skipping what does not fit; shares on the tightest GPU. Over `sequences` fixed sequences of 64 draws; of
/// each group of `group` sequences the best counts. The draws are decks in exact class proportion, shuffled by Philox
/// of (seed, epoch). Memory is not looked at. Exact integers: milli-GPU summed over the sequences. Source and
/// constants: docs/policies/placeable.md.
class FillForecast {
 public:
  static constexpr int sequences = 96;
  static constexpr int group = 3;
  static constexpr int deep_factor = 4;  ///< a deep look takes this many times the sequences

  /// Deals the draws anew. `max_cpu_milli`: the largest node's CPU; `model_count` <= 64.
  void deal(const std::vector<ForecastClass>& classes, int model_count, std::int32_t max_cpu_milli, std::uint64_t seed,
            std::uint64_t epoch);

  /// The node less the CPU and the free shares that no sum of requests could take: it fills like the node, and far
  /// fewer differ.
  FreeShares usable(const FreeShares& node) const;
  /// Milli-GPU filled, summed over the plain sequences.
  std::int32_t fill(const FreeShares& node) const { return run(node, 0, sequences); }
  /// The same, summed over the extra sequences of a deep look.
  std::int32_t fill_extra(const FreeShares& node) const { return run(node, sequences, sequences * deep_factor); }

 private:
  struct Draw {
    std::uint16_t cpu = 0;   // in cpu_unit_
    std::uint16_t take = 0;  // milli-GPU, all GPUs of the request
  };
  struct Walk;

  struct Axes;

  Axes index_axes(const std::vector<ForecastClass>& classes);
  void index_draws(const std::vector<ForecastClass>& classes, const Axes& axes, std::uint64_t seed,
                   std::uint64_t epoch);
  std::int32_t run(const FreeShares& node, int first, int last) const;
  std::int32_t run_one(const FreeShares& node, const Walk& start, int sequence) const;
  std::uint16_t scaled_cpu(std::int32_t cpu_milli) const;

  int model_count_ = 0;
  std::int32_t cpu_unit_ = 1;  // milli-CPU per step of the CPU axis, which has at most about 4,096 steps
  std::int32_t cpu_steps_ = 0;
  std::int32_t least_take_ = 0;  // smallest GPU request
  std::uint16_t least_cpu_rank_ = 0;
  int cpu_ranks_ = 0, take_ranks_ = 0, stride_ = 0;
  std::vector<std::uint16_t> rank_of_cpu_;   // by CPU step: how many distinct CPU requests fit
  std::vector<std::uint16_t> rank_of_take_;  // by free share below 1000, then 999 + idle GPUs
  // The largest sum of requests that is no more: by CPU step, by free share below 1000.
  std::vector<std::uint16_t> usable_cpu_, usable_share_;
  std::vector<Draw> draws_;
  // Per sequence: 64-bit sets of draws by CPU rank (cumulative), take rank (cumulative), model, and "asks for GPU".
  std::vector<std::uint64_t> masks_;
};

}  // namespace gpusched
