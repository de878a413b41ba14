#include "reshape/compaction_moves.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "reshape/transport.hpp"

namespace gpusched::reshape {

namespace {

using MaskCounts = std::map<std::uint16_t, std::int64_t>;

/// Whether the pods fit on the GPUs, given as how many there are of each mask. Large shapes first, each where it breaks
/// least. A yes comes with places; a no is sometimes wrong, where a block is broken that a smaller shape needs more:
/// rarely on the seven-slice lattice.
bool fits(MaskCounts masks, const std::vector<std::int64_t>& pods_of_shape, const MaskLosses& losses) {
  for (int shape = static_cast<int>(pods_of_shape.size()) - 1; shape >= 0; --shape) {
    std::int64_t left = pods_of_shape[static_cast<std::size_t>(shape)];
    while (left > 0) {
      auto best = masks.end();
      for (auto it = masks.begin(); it != masks.end(); ++it) {
        const bool usable = it->second > 0 && losses.best(it->first, shape).placement >= 0;
        if (usable &&
            (best == masks.end() || losses.best(it->first, shape).loss < losses.best(best->first, shape).loss)) {
          best = it;
        }
      }
      if (best == masks.end()) {
        return false;
      }
      const std::int64_t taken = std::min(left, best->second);
      best->second -= taken;
      masks[losses.after(best->first, losses.best(best->first, shape).placement)] += taken;
      left -= taken;
    }
  }
  return true;
}

/// A free place on a GPU, as one of several for the same shape.
struct Place {
  std::size_t gpu = 0;
  int placement = 0;
  std::int64_t loss = 0;
};

/// All places for a shape on GPUs that stay in use: by node, then by loss, then by GPU. On one GPU a later place never
/// costs less than an earlier one, so that whoever takes the cheapest ones takes a prefix of them.
std::vector<Place> list_places(std::span<const CompactionGpu> gpus, const std::vector<std::uint16_t>& masks,
                               const std::vector<std::uint8_t>& takes_pods, int shape, const MaskLosses& losses) {
  std::vector<Place> places;
  for (std::size_t g = 0; g < gpus.size(); ++g) {
    std::uint16_t mask = masks[g];
    std::int64_t least = 0;
    while (takes_pods[g] != 0) {
      const MaskLosses::Fit& fit = losses.best(mask, shape);
      if (fit.placement < 0) {
        break;
      }
      least = std::max(least, fit.loss);
      places.push_back({.gpu = g, .placement = fit.placement, .loss = least});
      mask = losses.after(mask, fit.placement);
    }
  }
  std::stable_sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
    return std::tuple(gpus[a.gpu].node, a.loss) < std::tuple(gpus[b.gpu].node, b.loss);
  });
  return places;
}

/// The pods of one shape that have to go, by node in ascending order.
class Leaving {
 public:
  Leaving(std::span<const CompactionGpu> gpus, std::span<const std::size_t> emptied, int shape) {
    for (const std::size_t g : emptied) {
      const int pods = gpus[g].pods_of_shape[static_cast<std::size_t>(shape)];
      if (pods > 0) {
        std::vector<std::size_t>& queue = queues_[gpus[g].node];
        queue.insert(queue.end(), static_cast<std::size_t>(pods), g);
      }
    }
    for (const auto& [node, queue] : queues_) {
      supplies_.push_back({.node = node, .pods = static_cast<std::int64_t>(queue.size())});
    }
  }
  const std::vector<Supply>& supplies() const { return supplies_; }
  /// The GPU whose pod goes next.
  std::size_t take(std::size_t supply) {
    std::vector<std::size_t>& queue = queues_[supplies_[supply].node];
    const std::size_t gpu = queue.back();
    queue.pop_back();
    return gpu;
  }

 private:
  std::map<NodeId, std::vector<std::size_t>> queues_;
  std::vector<Supply> supplies_;
};

/// Appends the moves of one shape and marks their places as taken.
bool assign_shape(std::span<const CompactionGpu> gpus, std::span<const std::size_t> emptied, int shape,
                  const std::vector<std::uint8_t>& takes_pods, const MaskLosses& losses,
                  std::vector<std::uint16_t>& masks, std::vector<CompactionMove>& moves) {
  Leaving leaving(gpus, emptied, shape);
  if (leaving.supplies().empty()) {
    return true;
  }
  const std::vector<Place> places = list_places(gpus, masks, takes_pods, shape, losses);
  std::vector<PlaceGroup> groups;
  std::vector<std::size_t> next;  // place, by group
  for (std::size_t i = 0; i < places.size(); ++i) {
    const NodeId node = gpus[places[i].gpu].node;
    if (groups.empty() || groups.back().node != node || groups.back().loss != places[i].loss) {
      groups.push_back({.node = node, .loss = places[i].loss, .places = 0});
      next.push_back(i);
    }
    ++groups.back().places;
  }
  const std::optional<std::vector<Shipment>> shipments = ship(leaving.supplies(), groups);
  if (!shipments) {
    return false;
  }
  for (const Shipment& shipment : *shipments) {
    for (std::int64_t pod = 0; pod < shipment.pods; ++pod) {
      const Place& place = places[next[shipment.group]++];
      moves.push_back(
          {.from = leaving.take(shipment.supply), .to = place.gpu, .shape = shape, .placement = place.placement});
      masks[place.gpu] = losses.after(masks[place.gpu], place.placement);
    }
  }
  return true;
}

}  // namespace

std::vector<std::size_t> choose_gpus_to_empty(std::span<const CompactionGpu> gpus, const MaskLosses& losses,
                                              int most_pods) {
  MaskCounts masks;
  std::vector<std::size_t> order;
  for (std::size_t g = 0; g < gpus.size(); ++g) {
    if (gpus[g].mask != 0) {
      ++masks[gpus[g].mask];
    }
    if (gpus[g].can_empty) {
      order.push_back(g);
    }
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(gpus[a].units, gpus[a].pods, a) < std::tuple(gpus[b].units, gpus[b].pods, b);
  });
  std::vector<std::size_t> chosen;
  std::vector<std::int64_t> pods_of_shape(losses.lattice().shapes().size(), 0);
  const auto count = [&](const CompactionGpu& gpu, std::int64_t sign) {
    masks[gpu.mask] -= sign;
    for (std::size_t shape = 0; shape < pods_of_shape.size(); ++shape) {
      pods_of_shape[shape] += sign * gpu.pods_of_shape[shape];
    }
  };
  int pods = 0;
  for (const std::size_t g : order) {
    if (gpus[g].pods > most_pods - pods) {
      continue;
    }
    count(gpus[g], 1);
    if (fits(masks, pods_of_shape, losses)) {
      pods += gpus[g].pods;
      chosen.push_back(g);
    } else {
      count(gpus[g], -1);
    }
  }
  return chosen;
}

std::optional<std::vector<CompactionMove>> assign_places(std::span<const CompactionGpu> gpus,
                                                         std::span<const std::size_t> emptied,
                                                         const MaskLosses& losses) {
  std::vector<std::uint16_t> masks;
  std::vector<std::uint8_t> takes_pods;
  for (const CompactionGpu& gpu : gpus) {
    masks.push_back(gpu.mask);
    takes_pods.push_back(gpu.mask != 0 ? 1 : 0);
  }
  for (const std::size_t g : emptied) {
    takes_pods[g] = 0;
  }
  std::vector<CompactionMove> moves;
  for (int shape = static_cast<int>(losses.lattice().shapes().size()) - 1; shape >= 0; --shape) {
    if (!assign_shape(gpus, emptied, shape, takes_pods, losses, masks, moves)) {
      return std::nullopt;
    }
  }
  return moves;
}

}  // namespace gpusched::reshape
