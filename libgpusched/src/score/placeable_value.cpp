#include "gpusched/score/placeable_value.hpp"

#include <algorithm>
#include <limits>

#include "gpusched/base/check.hpp"
#include "gpusched/filter/request_filter.hpp"

namespace gpusched {

namespace {

// Chosen on the openb lists; docs/policies/placeable.md has the figures around each.
constexpr double scarcity_weight_c = 0.005;
constexpr double cpu_only_weight = 15;
constexpr double whole_node_cpu_fraction = 0.95;
constexpr double rare_share = 0.02;  // classes of several GPUs whose size is rarer than this are priced up
constexpr double rare_boost_most = 4;
constexpr int cpu_grid_per_gpu = 16;  // F sees CPU in steps of this part of the CPU per GPU

constexpr std::uint16_t whole = milli_per_unit;

std::int32_t to_int32(std::int64_t value) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, std::numeric_limits<std::int32_t>::min(),
                                                            std::numeric_limits<std::int32_t>::max()));
}

/// Dot product in 64 bits of prices and counts.
std::int64_t dot(const std::uint32_t* prices, const std::uint8_t* counts, std::size_t size) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    sum += std::uint64_t{prices[i]} * counts[i];
  }
  return static_cast<std::int64_t>(sum);
}

/// Adds to each sum `members` times its count, or takes that away.
void add_counts(std::vector<std::int64_t>& sums, const std::uint8_t* counts, std::int64_t members) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] += members * counts[i];
  }
}

}  // namespace

void PlaceableValue::reset(const NodeIndex& index, const ClusterState& state) {
  *this = PlaceableValue();
  std::int64_t most_gpus = 0;
  for (const NodeId id : index.order()) {
    const Node& node = state.node(id);
    const std::size_t gpus = node.spec.gpus.size();
    cluster_gpus_ += static_cast<std::int64_t>(gpus);
    cluster_cpu_milli_ += node.spec.cpu_milli;
    largest_cpu_milli_ = std::max(largest_cpu_milli_, to_int32(node.spec.cpu_milli));
    most_gpus = std::max(most_gpus, static_cast<std::int64_t>(gpus));
    if (gpus == 0) {
      continue;
    }
    const std::uint32_t model = node.spec.gpus[0].model.value;
    dense_model_.resize(std::max<std::size_t>(dense_model_.size(), model + std::size_t{1}), 0xffff);
    if (dense_model_[model] == 0xffff) {
      dense_model_[model] = static_cast<std::uint16_t>(models_.size());
      models_.push_back(model);
    }
  }
  cpu_grid_milli_ =
      cluster_gpus_ > 0 ? std::max(1, to_int32(cluster_cpu_milli_ / cluster_gpus_ / cpu_grid_per_gpu)) : 1;
  for (const NodeId id : index.order()) {
    const NodeSpec& spec = state.node(id).spec;
    if (static_cast<std::int64_t>(spec.gpus.size()) == most_gpus && most_gpus > 1) {
      largest_nodes_.push_back(
          {.cpu_milli = to_int32(spec.cpu_milli),
           .model = 0,
           .gpu_count = static_cast<std::uint16_t>(std::min<std::int64_t>(most_gpus, FreeShares::max_gpus)),
           .free_milli = {}});
    }
  }
  std::sort(largest_nodes_.begin(), largest_nodes_.end(),
            [](const FreeShares& a, const FreeShares& b) { return a.cpu_milli < b.cpu_milli; });
  largest_nodes_.erase(std::unique(largest_nodes_.begin(), largest_nodes_.end()), largest_nodes_.end());
  prices_.resize(std::max<std::size_t>(models_.size(), 1));
  places_.resize(prices_.size());
}

PlaceableValue::ClassId PlaceableValue::class_of(const GpuRequest& request) {
  std::uint64_t models = ~std::uint64_t{0};
  if (!request.gpu_models.empty()) {
    models = 0;
    for (std::size_t i = 0; i < models_.size() && i < 64; ++i) {
      models |= model_allowed(request.gpu_models, GpuModelId{models_[i]}) ? std::uint64_t{1} << i : 0;
    }
  }
  const DemandShape shape{to_int32(request.cpu_milli), request.num_gpu, request.num_gpu > 0 ? request.gpu_milli : 0};
  const auto [entry, is_new] = class_index_.try_emplace({shape.cpu_milli, shape.num_gpu, shape.gpu_milli, models},
                                                        static_cast<ClassId>(classes_.size()));
  if (is_new) {
    classes_.push_back({.shape = shapes_.index_of(shape), .models = models, .count = 0});
    for (std::vector<std::uint32_t>& prices : prices_) {
      prices.resize(shapes_.padded_size(), 0);
    }
  }
  return entry->second;
}

void PlaceableValue::count_whole_nodes() {
  for (const FreeShares& node : largest_nodes_) {
    GpuRequest request;
    request.cpu_milli = static_cast<std::int64_t>(whole_node_cpu_fraction * node.cpu_milli);
    request.num_gpu = node.gpu_count;
    request.gpu_milli = whole;
    count(class_of(request), 1);
  }
}

std::vector<ForecastClass> PlaceableValue::forecast_classes() const {
  std::vector<ForecastClass> classes;
  for (const Class& entry : classes_) {
    const DemandShape& shape = shapes_[entry.shape];
    // Requests of several shares, or of more GPUs than are looked at, are placed but not forecast.
    const bool several_shares = shape.num_gpu > 1 && shape.gpu_milli < whole;
    if (!several_shares && shape.num_gpu <= FreeShares::max_gpus) {
      classes.push_back({.shape = shape, .models = entry.models, .count = entry.count});
    }
  }
  return classes;
}

void PlaceableValue::deal(std::uint64_t seed, std::uint64_t epoch) {
  ++deal_epoch_;
  lost_counts_.clear();
  forecast_.deal(forecast_classes(), static_cast<int>(std::min<std::size_t>(models_.size(), 64)), largest_cpu_milli_,
                 seed, epoch);
}

double PlaceableValue::scarcity_weight(const Class& entry,
                                       const std::array<double, FreeShares::max_gpus + 1>& share_by_gpus) const {
  const int gpus = shapes_[entry.shape].num_gpu;
  if (gpus == 0) {
    return cpu_only_weight;
  }
  const double share = share_by_gpus[static_cast<std::size_t>(std::min(gpus, FreeShares::max_gpus))];
  return gpus < 2 || share >= rare_share ? 1.0 : std::min(rare_boost_most, rare_share / share);
}

void PlaceableValue::count_places(const NodeIndex& index) {
  if (counted_generation_ != index.generation() || places_[0].size() != shapes_.size()) {
    counted_generation_ = index.generation();
    counted_.clear();
    for (std::vector<std::int64_t>& sums : places_) {
      sums.assign(shapes_.size(), 0);
    }
  }
  counted_.resize(index.slot_count());
  for (std::uint32_t slot = 0; slot < index.slot_count(); ++slot) {
    Counted now;
    if (index.is_live(slot) && index.state_of_slot(slot).schedulable) {
      now = {.state = state_of(index, slot), .members = index.member_count(slot)};
    }
    Counted& before = counted_[slot];
    if (now.state == before.state && now.members == before.members) {
      continue;
    }
    if (before.members > 0) {
      add_counts(places_[states_[before.state].model], counts(before.state), -std::int64_t{before.members});
    }
    if (now.members > 0) {
      add_counts(places_[states_[now.state].model], counts(now.state), now.members);
    }
    before = now;
  }
}

void PlaceableValue::refresh_prices(const NodeIndex& index) {
  ++price_epoch_;
  count_places(index);
  double gpu_requests = 0;
  std::array<double, FreeShares::max_gpus + 1> by_gpus{};
  for (const Class& entry : classes_) {
    if (const int gpus = shapes_[entry.shape].num_gpu; gpus > 0) {
      gpu_requests += entry.count;
      by_gpus[static_cast<std::size_t>(std::min(gpus, FreeShares::max_gpus))] += entry.count;
    }
  }
  for (auto& prices : prices_) {
    std::fill(prices.begin(), prices.end(), 0U);
  }
  if (gpu_requests <= 0) {
    return;
  }
  for (double& share : by_gpus) {
    share /= gpu_requests;
  }
  const double unit = static_cast<double>(units_per_filled_milli) * milli_per_unit * FillForecast::sequences;
  for (const Class& entry : classes_) {
    const DemandShape& shape = shapes_[entry.shape];
    std::int64_t left = 0;
    for (std::size_t model = 0; model < places_.size(); ++model) {
      left += (entry.models >> model & 1) != 0 ? places_[model][entry.shape] : 0;
    }
    if (left <= 0 || entry.count <= 0) {
      continue;
    }
    const double gpus = shape.num_gpu > 0 ? shape.total_milli() / 1000.0
                                          : shape.cpu_milli * static_cast<double>(cluster_gpus_) /
                                                static_cast<double>(cluster_cpu_milli_);
    const double scarcity = gpus * static_cast<double>(left) / static_cast<double>(cluster_gpus_);
    const double price = scarcity_weight_c * (entry.count / gpu_requests) * gpus / (scarcity * scarcity) *
                             scarcity_weight(entry, by_gpus) * unit +
                         0.5;
    for (std::size_t model = 0; model < prices_.size(); ++model) {
      if ((entry.models >> model & 1) != 0) {
        std::uint32_t& sum = prices_[model][entry.shape];
        constexpr double most = std::numeric_limits<std::uint32_t>::max();
        sum = price >= most - sum ? std::numeric_limits<std::uint32_t>::max() : sum + static_cast<std::uint32_t>(price);
      }
    }
  }
}

std::size_t PlaceableValue::memo_bytes() const {
  constexpr std::size_t bytes_per_state = sizeof(FreeShares) + sizeof(std::uint64_t) + sizeof(Fill) + 32;
  return (states_.size() + coarse_states_.size()) * bytes_per_state + counts_.size() + lost_counts_.size();
}

void PlaceableValue::forget_states() {
  states_.clear();
  state_of_class_.clear();
  coarse_states_.clear();
  fills_.clear();
  state_counts_.clear();
  counts_.clear();
  lost_counts_.clear();
  counted_generation_ = 0;
}

PlaceableValue::StateId PlaceableValue::state_of(const NodeIndex& index, std::uint32_t slot) {
  return state_of_class_.of_slot(index, slot, [&](const NodeState& node) {
    FreeShares free = FreeShares::of(node);
    free.model = node.gpus.empty() ? std::uint16_t{0} : dense_model_[free.model];
    return states_.intern(free);
  });
}

void PlaceableValue::add_transitions(StateId state, ClassId id, std::vector<Transition>& transitions) {
  const FreeShares before = states_[state];
  const DemandShape& shape = shapes_[classes_[id].shape];
  const bool deep = before.total_milli() == before.gpu_count * whole;
  const std::int32_t fill_before = fill(before, deep);
  const auto add = [&](std::uint16_t share) {
    Transition way;
    way.before = state;
    way.fill_loss = fill_before - fill(after_request(before, shape, share), deep);
    way.share = share;
    way.model = before.model;
    transitions.push_back(way);
  };
  if (!shape.is_share()) {
    add(0);
  } else {
    GPUSCHED_CHECK(before.gpu_count > 0 && before.free_milli[0] >= shape.gpu_milli, "the request fits");
    for (std::size_t i = 0; i < before.gpu_count && before.free_milli[i] >= shape.gpu_milli; ++i) {
      if (i == 0 || before.free_milli[i] != before.free_milli[i - 1]) {
        add(before.free_milli[i]);
      }
    }
  }
  transitions.back().last = 1;
}

std::int32_t PlaceableValue::fill(const FreeShares& node, bool deep) {
  FreeShares coarse = node;
  coarse.cpu_milli -= coarse.cpu_milli % cpu_grid_milli_;
  coarse = forecast_.usable(coarse);  // no approximation, unlike the line above
  const std::uint32_t id = coarse_states_.intern(coarse);
  if (id == fills_.size()) {
    fills_.emplace_back();
  }
  Fill& known = fills_[id];
  if (known.epoch != deal_epoch_) {
    known.epoch = deal_epoch_;
    known.plain = forecast_.fill(coarse);
  }
  if (!deep) {
    return known.plain;
  }
  if (known.deep_epoch != deal_epoch_) {
    known.deep_epoch = deal_epoch_;
    known.deep = (known.plain + forecast_.fill_extra(coarse)) / FillForecast::deep_factor;
  }
  return known.deep;
}

const std::uint8_t* PlaceableValue::counts(StateId id) {
  state_counts_.resize(states_.size());
  Counts& known = state_counts_[id];
  if (known.size != shapes_.size()) {
    known = {.at = static_cast<std::uint32_t>(counts_.size()), .size = static_cast<std::uint32_t>(shapes_.size())};
    shapes_.append_fitting(states_[id], counts_);
  }
  return counts_.data() + known.at;
}

void PlaceableValue::find_lost_counts(Transition& transition, ClassId id) {
  const FreeShares after = after_request(states_[transition.before], shapes_[classes_[id].shape], transition.share);
  counts_after_.clear();
  shapes_.append_fitting(after, counts_after_);
  const std::uint8_t* before = counts(transition.before);
  const std::size_t at = lost_counts_.size();
  lost_counts_.resize(at + counts_after_.size());
  for (std::size_t i = 0; i < counts_after_.size(); ++i) {
    lost_counts_[at + i] = static_cast<std::uint8_t>(before[i] - counts_after_[i]);
  }
  transition.counts_at = static_cast<std::uint32_t>(at);
  transition.counts_size = static_cast<std::uint32_t>(shapes_.size());
}

std::int64_t PlaceableValue::loss(Transition& transition, ClassId id) {
  if (transition.price_epoch != price_epoch_) {
    if (transition.counts_size != shapes_.size()) {
      find_lost_counts(transition, id);
    }
    const std::vector<std::uint32_t>& prices = prices_[transition.model];
    transition.price_loss = dot(prices.data(), lost_counts_.data() + transition.counts_at, prices.size());
    transition.price_epoch = price_epoch_;
  }
  return transition.fill_loss * units_per_filled_milli + transition.price_loss;
}

}  // namespace gpusched
