#include "gpusched/sim/exact/slice_cover.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace gpusched::sim {

namespace {

constexpr std::array<int, 5> sizes = {1, 2, 3, 4, 7};

/// The best rate by size; 0 where no point has that size.
std::array<std::int64_t, 8> best_rates(std::span<const ServingPoint> points) {
  std::array<std::int64_t, 8> best{};
  for (const ServingPoint& point : points) {
    GPUSCHED_CHECK(std::find(sizes.begin(), sizes.end(), point.compute_slices) != sizes.end(),
                   "an instance of " + std::to_string(point.compute_slices) + " compute slices");
    std::int64_t& rate = best[static_cast<std::size_t>(point.compute_slices)];
    rate = std::max(rate, point.rate_milli);
  }
  return best;
}

}  // namespace

std::optional<SliceCover> least_slices(std::span<const ServingPoint> points, std::int64_t rate_milli) {
  const std::array<std::int64_t, 8> best = best_rates(points);
  if (std::all_of(best.begin(), best.end(), [](std::int64_t rate) { return rate <= 0; })) {
    return std::nullopt;
  }
  std::vector<std::int64_t> served_milli = {0};  // by compute slices: the most they serve
  std::vector<int> last = {0};                   // the instance that was added last; 0 = a slice left over
  while (served_milli.back() < rate_milli) {
    const std::size_t slices = served_milli.size();
    std::int64_t most = served_milli.back();
    int added = 0;
    for (const int size : sizes) {
      const auto taken = static_cast<std::size_t>(size);
      if (taken <= slices && served_milli[slices - taken] + best[taken] > most) {
        most = served_milli[slices - taken] + best[taken];
        added = size;
      }
    }
    served_milli.push_back(most);
    last.push_back(added);
  }
  SliceCover cover;
  for (std::size_t slices = served_milli.size() - 1; slices > 0;) {
    const int size = last[slices];
    cover.instances[static_cast<std::size_t>(size)] += size > 0 ? 1 : 0;
    cover.compute_slices += size;
    slices -= static_cast<std::size_t>(std::max(size, 1));
  }
  return cover;
}

LinearProgram least_gpus_program(std::span<const SlicedService> services) {
  LinearProgram program;
  program.comments = {"fewest GPUs, then compute slices: n_SERVICE_SIZE instances"};
  const std::uint32_t gpus = program.add({.name = "gpus", .cost = gpu_weight});
  // What an instance of a size takes of: left halves, pairs besides the last, all pairs, compute slices, memory units.
  // (docs/models/mig-packing.md), and what a GPU has of each.
  constexpr std::array<std::array<std::int64_t, 8>, 5> takes = {{{0, 0, 0, 0, 1, 0, 0, 1},
                                                                 {0, 0, 1, 1, 2, 0, 0, 3},
                                                                 {0, 0, 1, 2, 2, 0, 0, 4},
                                                                 {0, 1, 2, 3, 4, 0, 0, 7},
                                                                 {0, 1, 2, 4, 4, 0, 0, 8}}};
  constexpr std::array<std::int64_t, 5> has = {1, 3, 4, 7, 8};
  std::array<std::vector<LinearProgram::Term>, 5> packing;
  for (std::size_t s = 0; s < services.size(); ++s) {
    const std::array<std::int64_t, 8> best = best_rates(services[s].points);
    LinearProgram::Row serve{.name = "serve_" + std::to_string(s),
                             .relation = LinearProgram::Relation::at_least,
                             .right_side = services[s].rate_milli};
    for (const int size : sizes) {
      const auto index = static_cast<std::size_t>(size);
      if (best[index] <= 0) {
        continue;
      }
      const std::uint32_t count =
          program.add({.name = "n_" + std::to_string(s) + "_" + std::to_string(size), .cost = size});
      serve.terms.push_back({count, best[index]});
      for (std::size_t i = 0; i < packing.size(); ++i) {
        if (takes[i][index] > 0) {
          packing[i].push_back({count, takes[i][index]});
        }
      }
    }
    program.rows.push_back(std::move(serve));
  }
  for (std::size_t i = 0; i < packing.size(); ++i) {
    packing[i].push_back({gpus, -has[i]});
    program.rows.push_back({.name = "pack_" + std::to_string(i), .terms = std::move(packing[i])});
  }
  return program;
}

}  // namespace gpusched::sim
