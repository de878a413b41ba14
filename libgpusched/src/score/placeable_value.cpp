#include "gpusched/score/placeable_value.hpp"

#include <algorithm>
#include <limits>

#include "gpusched/filter/request_filter.hpp"

namespace gpusched {

namespace {

// Chosen on the openb lists; docs/policies/placeable.md has the figures around each.
constexpr double scarcity_weight_c = 0.005;
constexpr double cpu_only_weight = 15;
constexpr double whole_node_cpu_fraction = 0.95;
constexpr double rare_share = 0.02;  // classes of several GPUs whose size is rarer than this are priced up
constexpr double rare_boost_most = 4;
constexpr int cpu_grid_per_gpu = 16;     // F sees CPU in steps of this part of the CPU per GPU
constexpr std::size_t count_block = 16;  // counts are padded to this, so that the price loop has no remainder

constexpr std::int32_t most_counted = 255;  // of n_m

constexpr std::uint16_t whole = milli_per_unit;

std::int32_t to_int32(std::int64_t value) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, std::numeric_limits<std::int32_t>::min(),
                                                            std::numeric_limits<std::int32_t>::max()));
}

/// Dot product in 64 bits of prices and counts; `size` is a multiple of count_block.
std::int64_t dot(const std::uint32_t* prices, const std::uint8_t* counts, std::size_t size) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    sum += std::uint64_t{prices[i]} * counts[i];
  }
  return static_cast<std::int64_t>(sum);
}

/// The place of the value in the list, to which it is added where it is new.
template <typename T>
std::uint32_t number_of(std::vector<T>& values, const T& value) {
  const auto found = std::find(values.begin(), values.end(), value) - values.begin();
  if (static_cast<std::size_t>(found) == values.size()) {
    values.push_back(value);
  }
  return static_cast<std::uint32_t>(found);
}

/// Adds to each sum `members` times its count, or takes that away.
void add_counts(std::vector<std::int64_t>& sums, const std::uint8_t* counts, std::int64_t members) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] += members * counts[i];
  }
}

/// Requests for so many GPUs that fit on the node, CPU aside.
std::int32_t fitting_alone(const FreeShares& node, std::int32_t num_gpu, std::int32_t gpu_milli) {
  if (num_gpu == 0) {
    return most_counted;
  }
  const int idle = node.idle_gpus();
  if (num_gpu > 1 || gpu_milli >= whole) {
    return gpu_milli >= whole ? idle / num_gpu : 0;
  }
  std::int32_t fitting = idle * (whole / gpu_milli);
  for (std::size_t gpu = static_cast<std::size_t>(idle); gpu < node.gpu_count && node.free_milli[gpu] >= gpu_milli;
       ++gpu) {
    fitting += node.free_milli[gpu] / gpu_milli;
  }
  return fitting;
}

std::size_t padded(std::size_t size) { return (size + count_block - 1) / count_block * count_block; }

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

std::uint32_t PlaceableValue::shape_index(const DemandShape& shape) {
  const std::uint32_t cpu_kind = number_of(cpu_kinds_, shape.cpu_milli);
  const std::uint32_t gpu_kind = number_of(gpu_kinds_, {shape.num_gpu, shape.gpu_milli});
  for (std::uint32_t i = 0; i < shapes_.size(); ++i) {
    if (shapes_[i].cpu_kind == cpu_kind && shapes_[i].gpu_kind == gpu_kind) {
      return i;
    }
  }
  shapes_.push_back({.demand = shape, .cpu_kind = cpu_kind, .gpu_kind = gpu_kind});
  for (auto& prices : prices_) {
    prices.resize(padded(shapes_.size()), 0);
  }
  return static_cast<std::uint32_t>(shapes_.size() - 1);
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
    classes_.push_back({.shape = shape_index(shape), .models = models, .count = 0});
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
    const DemandShape& shape = shapes_[entry.shape].demand;
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
  forecast_.deal(forecast_classes(), static_cast<int>(std::min<std::size_t>(models_.size(), 64)), largest_cpu_milli_,
                 seed, epoch);
}

double PlaceableValue::scarcity_weight(const Class& entry,
                                       const std::array<double, FreeShares::max_gpus + 1>& share_by_gpus) const {
  const int gpus = shapes_[entry.shape].demand.num_gpu;
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
    if (const int gpus = shapes_[entry.shape].demand.num_gpu; gpus > 0) {
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
    const DemandShape& shape = shapes_[entry.shape].demand;
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

void PlaceableValue::forget_states() {
  table_.clear();
  states_.clear();
  counts_.clear();
  state_of_class_.clear();
  counted_generation_ = 0;
}

PlaceableValue::StateId PlaceableValue::intern(const FreeShares& node) {
  const StateId id = table_.intern(node);
  if (id == states_.size()) {
    State state;
    state.model = node.model;
    state.is_idle = node.total_milli() == node.gpu_count * whole;
    states_.push_back(state);
  }
  return id;
}

PlaceableValue::StateId PlaceableValue::state_of(const NodeIndex& index, std::uint32_t slot) {
  return state_of_class_.of_slot(index, slot, [&](const NodeState& node) {
    FreeShares free = FreeShares::of(node);
    free.model = node.gpus.empty() ? std::uint16_t{0} : dense_model_[free.model];
    return intern(free);
  });
}

void PlaceableValue::add_transitions(StateId state, ClassId id, std::vector<Transition>& transitions) {
  const DemandShape& shape = shapes_[classes_[id].shape].demand;
  const bool deep = states_[state].is_idle;
  const std::int32_t fill_before = fill(state, deep);
  const auto add = [&](const FreeShares& left, std::uint16_t share) {
    Transition way;
    way.before = state;
    way.after = intern(left);
    way.fill_loss = fill_before - fill(way.after, deep);
    way.share = share;
    transitions.push_back(way);
  };
  FreeShares after = table_[state];
  after.cpu_milli -= shape.cpu_milli;
  auto& free = after.free_milli;
  if (shape.num_gpu == 1 && shape.gpu_milli < whole) {
    for (std::size_t i = 0; i < after.gpu_count && free[i] >= shape.gpu_milli; ++i) {
      if (i + 1 < after.gpu_count && free[i + 1] == free[i]) {
        continue;  // the last of equal ones stands for them
      }
      FreeShares next = after;
      const auto left = static_cast<std::uint16_t>(free[i] - shape.gpu_milli);
      std::size_t place = i;
      for (; place + 1 < after.gpu_count && next.free_milli[place + 1] > left; ++place) {
        next.free_milli[place] = next.free_milli[place + 1];
      }
      next.free_milli[place] = left;
      add(next, free[i]);
    }
    transitions.back().last = true;
    return;
  }
  // Several GPUs go to the tightest ones that fit; whole ones are the idle ones, which stand first.
  int missing = shape.num_gpu;
  for (std::size_t i = after.gpu_count; i > 0 && missing > 0; --i) {
    if (free[i - 1] >= shape.gpu_milli) {
      free[i - 1] = static_cast<std::uint16_t>(free[i - 1] - shape.gpu_milli);
      --missing;
    }
  }
  std::sort(free.begin(), free.begin() + after.gpu_count, std::greater<>());
  add(after, 0);
  transitions.back().last = true;
}

std::int32_t PlaceableValue::fill(StateId id, bool deep) {
  if (states_[id].coarse == no_state) {
    FreeShares coarse = table_[id];
    coarse.cpu_milli -= coarse.cpu_milli % cpu_grid_milli_;
    const StateId coarse_id = intern(coarse);
    states_[id].coarse = coarse_id;
  }
  const StateId coarse = states_[id].coarse;
  State& state = states_[coarse];
  if (state.fill_epoch != deal_epoch_) {
    state.fill_epoch = deal_epoch_;
    state.fill = forecast_.fill(table_[coarse]);
  }
  if (!deep) {
    return state.fill;
  }
  if (state.deep_epoch != deal_epoch_) {
    state.deep_epoch = deal_epoch_;
    state.deep_fill = (state.fill + forecast_.fill_extra(table_[coarse])) / FillForecast::deep_factor;
  }
  return state.deep_fill;
}

const std::uint8_t* PlaceableValue::counts(StateId id) {
  State& state = states_[id];
  if (state.counts_size == shapes_.size() && !shapes_.empty()) {
    return &counts_[state.counts_at];
  }
  state.counts_at = static_cast<std::uint32_t>(counts_.size());
  state.counts_size = static_cast<std::uint32_t>(shapes_.size());
  counts_.resize(counts_.size() + padded(shapes_.size()) + 1, 0);
  const FreeShares& node = table_[id];
  cpu_kind_fits_.clear();
  for (const std::int32_t cpu_milli : cpu_kinds_) {
    const std::int32_t fitting = cpu_milli > 0 ? std::max(node.cpu_milli, 0) / cpu_milli : most_counted;
    cpu_kind_fits_.push_back(static_cast<std::uint8_t>(std::min(fitting, most_counted)));
  }
  gpu_kind_fits_.clear();
  for (const auto& [num_gpu, gpu_milli] : gpu_kinds_) {
    gpu_kind_fits_.push_back(
        static_cast<std::uint8_t>(std::min(fitting_alone(node, num_gpu, gpu_milli), most_counted)));
  }
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    counts_[state.counts_at + i] = std::min(cpu_kind_fits_[shapes_[i].cpu_kind], gpu_kind_fits_[shapes_[i].gpu_kind]);
  }
  return &counts_[state.counts_at];
}

std::int64_t PlaceableValue::price(StateId id) {
  State& state = states_[id];
  if (state.price_epoch != price_epoch_) {
    state.price_epoch = price_epoch_;
    const std::vector<std::uint32_t>& prices = prices_[state.model];
    state.price = dot(prices.data(), counts(id), prices.size());
  }
  return state.price;
}

std::int64_t PlaceableValue::loss(Transition& transition) {
  if (transition.price_epoch != price_epoch_) {
    transition.price_epoch = price_epoch_;
    transition.price_loss = price(transition.before) - price(transition.after);
  }
  return transition.fill_loss * units_per_filled_milli + transition.price_loss;
}

}  // namespace gpusched
