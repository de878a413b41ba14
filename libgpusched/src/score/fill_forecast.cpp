#include "gpusched/score/fill_forecast.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "gpusched/base/philox.hpp"
#include "gpusched/base/units.hpp"

namespace gpusched {

namespace {

constexpr int draws_per_sequence = 64;
constexpr std::uint16_t whole = milli_per_unit;

void make_sorted_set(std::vector<std::int32_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// How many of the sorted values are at most `value`.
std::uint16_t rank_of(const std::vector<std::int32_t>& values, std::int32_t value) {
  return static_cast<std::uint16_t>(std::upper_bound(values.begin(), values.end(), value) - values.begin());
}

/// For 0..last: the largest sum of the values, each any number of times, that is no more.
std::vector<std::uint16_t> largest_sums(const std::vector<std::int32_t>& values, std::int32_t last) {
  std::vector<std::uint16_t> largest(static_cast<std::size_t>(last) + 1, 0);
  for (std::int32_t sum = 1; sum <= last; ++sum) {
    const auto at = static_cast<std::size_t>(sum);
    const bool is_sum = std::any_of(values.begin(), values.end(), [&](std::int32_t value) {
      return value > 0 && value <= sum && largest[static_cast<std::size_t>(sum - value)] == sum - value;
    });
    largest[at] = is_sum ? static_cast<std::uint16_t>(sum) : largest[at - 1];
  }
  return largest;
}

/// Class numbers in exact proportion to their counts, each block of one look shuffled.
std::vector<std::uint32_t> deal_decks(const std::vector<ForecastClass>& classes, std::uint64_t seed,
                                      std::uint64_t epoch) {
  constexpr int block = FillForecast::sequences * draws_per_sequence;
  double total = 0;
  std::vector<double> cumulative;
  for (const ForecastClass& entry : classes) {
    total += entry.count;
    cumulative.push_back(total);
  }
  std::vector<std::uint32_t> dealt(static_cast<std::size_t>(block) * FillForecast::deep_factor);
  Philox draws(seed, StreamPurpose::look_ahead, epoch);
  for (std::size_t offset = 0; offset < dealt.size(); offset += block) {
    std::uint32_t next = 0;
    for (int i = 0; i < block; ++i) {
      const double quantile = (i + 0.5) / block * total;
      while (next + 1 < cumulative.size() && cumulative[next] <= quantile) {
        ++next;
      }
      dealt[offset + static_cast<std::size_t>(i)] = next;
    }
    for (std::uint32_t i = block - 1; i > 0; --i) {
      std::swap(dealt[offset + i], dealt[offset + draws.next_below(i + 1)]);
    }
  }
  return dealt;
}

}  // namespace

std::uint16_t FillForecast::scaled_cpu(std::int32_t cpu_milli) const {
  return static_cast<std::uint16_t>(std::min((cpu_milli + cpu_unit_ / 2) / cpu_unit_, 65535));
}

/// The distinct requests, ascending; GPU in milli over all GPUs.
struct FillForecast::Axes {
  std::vector<std::int32_t> cpus;
  std::vector<std::int32_t> takes;
};

void FillForecast::deal(const std::vector<ForecastClass>& all_classes, int model_count, std::int32_t max_cpu_milli,
                        std::uint64_t seed, std::uint64_t epoch) {
  std::vector<ForecastClass> classes;
  std::copy_if(all_classes.begin(), all_classes.end(), std::back_inserter(classes),
               [](const ForecastClass& entry) { return entry.count > 0; });
  model_count_ = model_count;
  cpu_unit_ = max_cpu_milli / 4096 + 1;
  cpu_steps_ = max_cpu_milli / cpu_unit_;
  stride_ = 0;
  if (!classes.empty()) {
    index_draws(classes, index_axes(classes), seed, epoch);
  }
}

FillForecast::Axes FillForecast::index_axes(const std::vector<ForecastClass>& classes) {
  Axes axes;
  std::int32_t least_cpu = std::numeric_limits<std::int32_t>::max();
  least_take_ = std::numeric_limits<std::int32_t>::max();
  for (const ForecastClass& entry : classes) {
    axes.cpus.push_back(scaled_cpu(entry.shape.cpu_milli));
    axes.takes.push_back(entry.shape.total_milli());
    if (entry.shape.num_gpu > 0) {
      least_cpu = std::min<std::int32_t>(least_cpu, axes.cpus.back());
      least_take_ = std::min(least_take_, axes.takes.back());
    }
  }
  make_sorted_set(axes.cpus);
  make_sorted_set(axes.takes);
  cpu_ranks_ = static_cast<int>(axes.cpus.size()) + 1;
  take_ranks_ = static_cast<int>(axes.takes.size()) + 1;
  stride_ = cpu_ranks_ + take_ranks_ + model_count_ + 1;
  least_cpu_rank_ = rank_of(axes.cpus, least_cpu);
  rank_of_cpu_.clear();
  for (std::int32_t step = 0; step <= cpu_steps_; ++step) {
    rank_of_cpu_.push_back(rank_of(axes.cpus, step));
  }
  rank_of_take_.clear();
  for (std::int32_t share = 0; share < whole; ++share) {
    rank_of_take_.push_back(rank_of(axes.takes, share));
  }
  for (std::int32_t idle = 1; idle <= FreeShares::max_gpus; ++idle) {
    rank_of_take_.push_back(rank_of(axes.takes, whole * idle));
  }
  usable_cpu_ = largest_sums(axes.cpus, cpu_steps_);
  usable_share_ = largest_sums(axes.takes, whole - 1);
  return axes;
}

void FillForecast::index_draws(const std::vector<ForecastClass>& classes, const Axes& axes, std::uint64_t seed,
                               std::uint64_t epoch) {
  const std::vector<std::uint32_t> dealt = deal_decks(classes, seed, epoch);
  draws_.assign(dealt.size(), {});
  masks_.assign(dealt.size() / draws_per_sequence * static_cast<std::size_t>(stride_), 0);
  for (std::size_t i = 0; i < dealt.size(); ++i) {
    const DemandShape& shape = classes[dealt[i]].shape;
    draws_[i] = {.cpu = scaled_cpu(shape.cpu_milli), .take = static_cast<std::uint16_t>(shape.total_milli())};
    std::uint64_t* masks = &masks_[i / draws_per_sequence * static_cast<std::size_t>(stride_)];
    const std::uint64_t bit = std::uint64_t{1} << (i % draws_per_sequence);
    masks[rank_of(axes.cpus, draws_[i].cpu)] |= bit;
    masks[cpu_ranks_ + rank_of(axes.takes, shape.total_milli())] |= bit;
    for (int model = 0; model < model_count_; ++model) {
      masks[cpu_ranks_ + take_ranks_ + model] |= (classes[dealt[i]].models >> model & 1) != 0 ? bit : 0;
    }
    masks[stride_ - 1] |= shape.num_gpu > 0 ? bit : 0;
  }
  for (std::size_t at = 0; at < masks_.size(); at += static_cast<std::size_t>(stride_)) {
    for (int rank = 1; rank < cpu_ranks_; ++rank) {
      masks_[at + static_cast<std::size_t>(rank)] |= masks_[at + static_cast<std::size_t>(rank) - 1];
    }
    const std::size_t take_at = at + static_cast<std::size_t>(cpu_ranks_);
    for (int rank = 1; rank < take_ranks_; ++rank) {
      masks_[take_at + static_cast<std::size_t>(rank)] |= masks_[take_at + static_cast<std::size_t>(rank) - 1];
    }
  }
}

FreeShares FillForecast::usable(const FreeShares& node) const {
  FreeShares usable = node;
  const std::int32_t step = std::min(node.cpu_milli / cpu_unit_, cpu_steps_);
  if (stride_ == 0 || step < 0) {
    return usable;
  }
  usable.cpu_milli = usable_cpu_[static_cast<std::size_t>(step)] * cpu_unit_;
  for (std::size_t i = static_cast<std::size_t>(node.idle_gpus()); i < node.gpu_count; ++i) {
    usable.free_milli[i] = usable_share_[node.free_milli[i]];
  }
  return usable;
}

/// What is left of a node while a sequence is dealt with: idle GPUs and GPUs in part use.
struct FillForecast::Walk {
  std::int32_t cpu = 0;
  int idle = 0;
  int parts = 0;
  std::uint16_t cpu_rank = 0;
  std::uint16_t take_rank = 0;
  std::array<std::uint16_t, FreeShares::max_gpus> part{};  // free shares, largest first

  /// Takes a share of the tightest part that has it, else of an idle GPU; a rest below `least` is of no use.
  void take_share(int milli, int least) {
    int at = parts - 1;
    while (at >= 0 && part[static_cast<std::size_t>(at)] < milli) {
      --at;
    }
    int left = whole - milli;
    if (at >= 0) {
      left = part[static_cast<std::size_t>(at)] - milli;
      for (; at + 1 < parts && part[static_cast<std::size_t>(at) + 1] > left; ++at) {
        part[static_cast<std::size_t>(at)] = part[static_cast<std::size_t>(at) + 1];
      }
    } else {
      --idle;
      for (at = parts++; at > 0 && part[static_cast<std::size_t>(at) - 1] < left; --at) {
        part[static_cast<std::size_t>(at)] = part[static_cast<std::size_t>(at) - 1];
      }
    }
    part[static_cast<std::size_t>(at)] = static_cast<std::uint16_t>(left);
    parts -= part[static_cast<std::size_t>(parts) - 1] < least ? 1 : 0;
  }
};

std::int32_t FillForecast::run_one(const FreeShares& node, const Walk& start, int sequence) const {
  Walk walk = start;
  const std::uint64_t* masks = &masks_[static_cast<std::size_t>(sequence) * static_cast<std::size_t>(stride_)];
  const Draw* draws = &draws_[static_cast<std::size_t>(sequence) * draws_per_sequence];
  const std::uint64_t asks_gpu = masks[stride_ - 1];
  std::uint64_t open = masks[cpu_ranks_ + take_ranks_ + node.model];
  std::int32_t used = 0;
  for (;;) {
    // The next draw that still fits, by sets: nothing that does not fit is looked at.
    const std::uint64_t fitting = open & masks[walk.cpu_rank] & masks[cpu_ranks_ + walk.take_rank];
    if ((fitting & asks_gpu) == 0) {
      return used;
    }
    const int next = std::countr_zero(fitting);
    open &= ~std::uint64_t{1} << next;
    const Draw draw = draws[next];
    walk.cpu -= draw.cpu;
    walk.cpu_rank = rank_of_cpu_[static_cast<std::size_t>(walk.cpu)];
    if (draw.take > 0) {
      used += draw.take;
      if (draw.take >= whole) {
        walk.idle -= draw.take / whole;
      } else {
        walk.take_share(draw.take, least_take_);
      }
      if (walk.idle == 0 && walk.parts == 0) {
        return used;
      }
      walk.take_rank = rank_of_take_[static_cast<std::size_t>(walk.idle > 0 ? whole - 1 + walk.idle : walk.part[0])];
    }
    if (walk.cpu_rank < least_cpu_rank_) {
      return used;
    }
  }
}

std::int32_t FillForecast::run(const FreeShares& node, int first, int last) const {
  Walk start;
  start.cpu = std::min(node.cpu_milli / cpu_unit_, cpu_steps_);
  start.idle = node.idle_gpus();
  for (int i = start.idle; i < node.gpu_count && node.free_milli[static_cast<std::size_t>(i)] >= least_take_; ++i) {
    start.part[static_cast<std::size_t>(start.parts++)] = node.free_milli[static_cast<std::size_t>(i)];
  }
  if (stride_ == 0 || start.cpu < 0 || (start.idle == 0 && start.parts == 0)) {
    return 0;
  }
  start.cpu_rank = rank_of_cpu_[static_cast<std::size_t>(start.cpu)];
  if (start.cpu_rank < least_cpu_rank_) {
    return 0;
  }
  start.take_rank = rank_of_take_[static_cast<std::size_t>(start.idle > 0 ? whole - 1 + start.idle : start.part[0])];
  const std::int32_t all = node.total_milli();
  std::int32_t sum = 0;
  for (int begin = first; begin < last; begin += group) {
    std::int32_t best = 0;
    for (int sequence = begin; sequence < begin + group && best < all; ++sequence) {
      best = std::max(best, run_one(node, start, sequence));
    }
    sum += best * group;
  }
  return sum;
}

}  // namespace gpusched
