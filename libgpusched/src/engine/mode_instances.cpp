// MIG instances as places for a job: its own, or one whose tenants take turns.
#include <algorithm>
#include <array>
#include <limits>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"

#include "engine/mode_search.hpp"

namespace gpusched {

namespace {

/// GPUs with open instances looked at before the best is taken: fewer than shared GPUs, each has several instances.
constexpr std::size_t instance_window = 16;

}  // namespace

void ModeSearch::search_instances(ModeSet modes, std::uint32_t begin, std::uint32_t end) {
  const GpuIndex& gpus = state_->gpu_index();
  for (const std::uint16_t model : index_.models()) {
    for (const ModeInstance& instance : demand_->instances[model]) {
      bool found_cut = false;
      bool found_idle = false;
      for (const ModeIndex::InstanceOption& option : index_.instance_options(gpus, model, instance.shape)) {
        const auto bucket = static_cast<std::size_t>(option.bucket);
        if (gpus.buckets()[bucket].empty() || (option.idle ? found_idle : found_cut)) {
          continue;
        }
        std::uint32_t ordinal = gpus.next_member(bucket, begin);
        while (ordinal < end && node_reason(ordinal, ModeKind::mig) != RejectReason::none) {
          ordinal = gpus.next_member(bucket, ordinal + 1);
        }
        if (ordinal >= end) {  // none is larger than any
          continue;
        }
        (option.idle ? found_idle : found_cut) = true;
        const ModeCandidate alone = instance_on(ordinal, model, instance, option);
        if ((modes & mode_bit(ModeKind::mig)) != 0) {
          offer(alone);
        }
        if ((modes & mode_bit(ModeKind::time_sliced_mig)) != 0 && option.start < time_sliced_starts) {
          offer(opened_for_turns(alone, model));
        }
        if (found_cut && found_idle) {
          break;
        }
      }
    }
  }
}

ModeCandidate ModeSearch::instance_on(std::uint32_t ordinal, std::uint16_t model, const ModeInstance& instance,
                                      const ModeIndex::InstanceOption& place) const {
  const double setup_s = rules_.delays.create_s + (place.idle ? rules_.delays.mig_toggle_s : 0.0);
  const MigShape& shape = MigLattice::of(GpuModelId{model}).shapes()[static_cast<std::size_t>(instance.shape)];
  return {.cost = cost_of(ModeKind::mig, place.value_lost, instance.slowdown, setup_s),
          .mode = ModeKind::mig,
          .ordinal = ordinal,
          .profile = instance.profile,
          .range = {place.start, static_cast<std::int16_t>(shape.memory_units)},
          .slowdown = instance.slowdown,
          .setup_s = setup_s,
          .value_lost = place.value_lost};
}

ModeCandidate ModeSearch::opened_for_turns(ModeCandidate alone, std::uint16_t model) const {
  const InstanceTenant& own = *demand_->turns_on(model, alone.profile);
  const GpuModel& gpu = gpu_model(GpuModelId{model});
  const auto memory_mib = static_cast<std::int32_t>(gpu.profiles[alone.profile.value].memory_mib.value_or(0));
  alone.mode = ModeKind::time_sliced_mig;
  const double left =
      index_.room_left(alone.mode, 1, memory_mib - demand_->memory_mib, memory_mib, own.load, own.limit);
  alone.value_lost -= instance_value(static_cast<double>(alone.range.size) / gpu.placement_units, left);
  alone.cost = cost_of(alone.mode, alone.value_lost, alone.slowdown, alone.setup_s);
  return alone;
}

void ModeSearch::search_open_instances(std::uint32_t begin, std::uint32_t end) {
  const bool fits_some = std::any_of(index_.models().begin(), index_.models().end(),
                                     [&](std::uint16_t model) { return !demand_->turns[model].empty(); });
  if (!fits_some) {
    return;
  }
  const IndexBitset& open = index_.open_instances();
  const ModeCandidate& best = best_[static_cast<std::size_t>(ModeKind::time_sliced_mig)];
  std::size_t looked_at = 0;
  for (std::uint32_t ordinal = open.next(begin); ordinal < end; ordinal = open.next(ordinal + 1)) {
    if (node_reason(ordinal, ModeKind::time_sliced_mig) == RejectReason::none) {
      const ModeCandidate join = join_instance(ordinal);
      if (join.found()) {
        offer(join);
      }
    }
    if (++looked_at % instance_window == 0 &&
        (best.found() || (looked_at >= longest_search && but_ != IndexBitset::none))) {
      break;
    }
  }
}

ModeCandidate ModeSearch::join_instance(std::uint32_t ordinal) {
  const auto [node, device] = state_->gpu_at(ordinal);
  const std::uint16_t model = state_->node(node).state.gpus[device].model;
  ModeCandidate best;
  std::int64_t to_beat = std::numeric_limits<std::int64_t>::max();
  if (const ModeCandidate& known = best_[static_cast<std::size_t>(ModeKind::time_sliced_mig)]; known.found()) {
    to_beat = known.cost;
  }
  for (const ModeIndex::Instance& instance : index_.instances(ordinal)) {
    const InstanceTenant* own = demand_->turns_on(model, instance.profile);
    const auto tenants = static_cast<std::int32_t>(instance.tenants.size());
    if (own == nullptr || tenants >= rules_.instance_tenants || instance.free_memory_mib < demand_->memory_mib) {
      continue;
    }
    const double left =
        index_.room_left(ModeKind::time_sliced_mig, tenants + 1, instance.free_memory_mib - demand_->memory_mib,
                         instance.memory_mib, instance.load + own->load, std::min(instance.limit, own->limit));
    const double lost = instance_value(instance.size, instance.headroom) - instance_value(instance.size, left);
    if (cost_of(ModeKind::time_sliced_mig, lost, 1.0, 0.0) >= to_beat) {
      continue;  // not even as fast as alone would it win: no prediction
    }
    const double slowdown = slowdown_in(instance, model);
    const std::int64_t cost = cost_of(ModeKind::time_sliced_mig, lost, slowdown, 0.0);
    if (slowdown == 0 || cost >= to_beat) {
      continue;
    }
    to_beat = cost;
    const auto units =
        static_cast<std::int16_t>(gpu_model(GpuModelId{model}).profiles[instance.profile.value].memory_units);
    best = {.cost = cost,
            .mode = ModeKind::time_sliced_mig,
            .ordinal = ordinal,
            .profile = instance.profile,
            .range = {instance.start, units},
            .slowdown = slowdown,
            .value_lost = lost};
  }
  return best;
}

double ModeSearch::slowdown_in(const ModeIndex::Instance& instance, std::uint16_t model) {
  const InstanceTenant& own = *demand_->turns_on(model, instance.profile);
  const double slowdown = time_slice_slowdown_beside(own.tenant, instance.sum, rules_.perf);
  if (slowdown > demand_->tolerated) {
    return 0;
  }
  PartitionLoad all = instance.sum;
  all += own.adds;
  for (const RequestClassId resident : instance.tenants) {
    const ModeDemand& demand = demands_.of(*state_, resident);
    const InstanceTenant* turns = demand.turns_on(model, instance.profile);
    if (turns == nullptr) {
      return 0;
    }
    PartitionLoad others = all;
    others -= turns->adds;
    if (time_slice_slowdown_beside(turns->tenant, others, rules_.perf) > demand.tolerated) {
      return 0;
    }
  }
  return slowdown;
}

std::vector<ModeSearch::LayoutPart> ModeSearch::layout_of(std::uint32_t ordinal) const {
  using Parts = std::vector<LayoutPart>;
  const Parts smallest = {{1, 0, 1}, {1, 1, 1}, {1, 2, 1}, {1, 3, 1}, {1, 4, 1}, {1, 5, 1}, {1, 6, 1}};
  const Parts balanced = {{1, 6, 1}, {2, 4, 2}, {3, 0, 4}};
  if (rules_.layout == MigLayout::smallest) {
    return smallest;
  }
  if (rules_.layout == MigLayout::balanced) {
    return balanced;
  }
  const std::array<Parts, 4> cycle = {balanced, smallest, Parts{{3, 0, 4}, {3, 4, 4}},
                                      Parts{{1, 6, 1}, {2, 0, 2}, {2, 2, 2}, {2, 4, 2}}};
  return cycle[ordinal % cycle.size()];
}

void ModeSearch::search_layout(std::uint32_t begin, std::uint32_t end) {
  for (std::uint32_t ordinal = begin; ordinal < end; ++ordinal) {
    const auto [id, device] = state_->gpu_at(ordinal);
    const Node& node = state_->node(id);
    const GpuState& gpu = node.state.gpus[device];
    if (!node.takes_mig || !node.state.schedulable || !gpu.takes_instances() ||
        node_reason(ordinal, ModeKind::mig) != RejectReason::none) {
      continue;
    }
    const auto shapes = MigLattice::of(GpuModelId{gpu.model}).shapes();
    for (const LayoutPart& part : layout_of(ordinal)) {
      const SliceRange range{part.start, part.units};
      const auto fits = [&](const ModeInstance& instance) {
        const MigShape& shape = shapes[static_cast<std::size_t>(instance.shape)];
        return shape.compute_slices == part.compute_slices && shape.memory_units == part.units;
      };
      const auto& instances = demand_->instances[gpu.model];
      const auto instance = std::find_if(instances.begin(), instances.end(), fits);
      if (instance == instances.end() || (gpu.mig_occupancy & range.mask()) != 0) {
        continue;
      }
      // It was cut long ago: nothing is created, and only its own size is lost.
      const double size = static_cast<double>(part.units) / MigLattice::of(GpuModelId{gpu.model}).units();
      offer({.cost = cost_of(ModeKind::mig, size, instance->slowdown, 0.0),
             .mode = ModeKind::mig,
             .ordinal = ordinal,
             .profile = instance->profile,
             .range = range,
             .slowdown = instance->slowdown,
             .value_lost = size});
      break;
    }
  }
}

}  // namespace gpusched
