#include "gpusched/reshape/compaction.hpp"

#include <algorithm>
#include <map>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "reshape/compaction_moves.hpp"
#include "reshape/plan_writer.hpp"

namespace gpusched {

namespace {

using reshape::CompactionGpu;
using reshape::CompactionMove;
using reshape::MaskLosses;
using reshape::PlanWriter;
using Kind = ReshapeStepKind;

bool takes_part(const GpuLayout& layout) {
  const GpuModel& model = gpu_model(layout.model);
  if (!model.has_lattice() || !layout.mig_enabled || layout.drained) {
    return false;
  }
  // Beside +me.all no plain instance is created.
  return std::none_of(layout.partitions.begin(), layout.partitions.end(), [&](const PlacedPartition& part) {
    return part.profile.valid() && model.profiles[part.profile.value].all_media_extensions;
  });
}

/// Contract: the layout is legal.
CompactionGpu summary(const GpuLayout& layout, std::size_t index) {
  const MigLattice& lattice = MigLattice::of(layout.model);
  CompactionGpu gpu;
  gpu.index = index;
  gpu.node = layout.node;
  gpu.pods_of_shape.assign(lattice.shapes().size(), 0);
  bool stays = false;
  for (const PlacedPartition& part : layout.partitions) {
    const bool is_label = gpu_model(layout.model).profiles[part.profile.value].is_label();
    if (part.use == PartitionUse::idle && !is_label) {
      continue;
    }
    gpu.mask = static_cast<std::uint16_t>(gpu.mask | part.range.mask());
    stays = stays || is_label || part.use == PartitionUse::pinned;
    ++gpu.pods;
    gpu.units += part.range.size;
    ++gpu.pods_of_shape[static_cast<std::size_t>(lattice.shape_of(part.profile))];
  }
  gpu.can_empty = !stays && gpu.pods > 0;
  return gpu;
}

/// Moves of one GPU model.
struct ModelMoves {
  std::vector<CompactionGpu> gpus;
  std::vector<std::size_t> emptied;
  std::vector<CompactionMove> moves;
};

ModelMoves moves_of_model(std::vector<CompactionGpu> gpus, GpuModelId model, int most_pods) {
  const MaskLosses losses(MigLattice::of(model));
  ModelMoves result{.gpus = std::move(gpus), .emptied = {}, .moves = {}};
  result.emptied = reshape::choose_gpus_to_empty(result.gpus, losses, most_pods);
  // The flow breaks ties between equal losses by node, the choice did not: give the last GPU back where that differs.
  for (;;) {
    if (auto moves = reshape::assign_places(result.gpus, result.emptied, losses)) {
      result.moves = std::move(*moves);
      return result;
    }
    result.emptied.pop_back();
  }
}

/// Steps of the moves, on the GPUs that they touch.
class CompactionWriter {
 public:
  CompactionWriter(std::span<const GpuLayout> layouts, const std::vector<std::size_t>& touched)
      : writer_(select(layouts, touched), Actuation::per_instance), place_in_plan_(layouts.size(), 0) {
    for (std::size_t i = 0; i < touched.size(); ++i) {
      place_in_plan_[touched[i]] = i;
    }
  }

  void move(std::size_t from, std::size_t to, int shape, int placement) {
    const GpuLayout& source = writer_.gpu(place_in_plan_[from]);
    const GpuLayout& target = writer_.gpu(place_in_plan_[to]);
    const MigLattice& lattice = MigLattice::of(source.model);
    const auto part = std::find_if(source.partitions.begin(), source.partitions.end(), [&](const PlacedPartition& p) {
      return p.use == PartitionUse::movable && lattice.shape_of(p.profile) == shape;
    });
    GPUSCHED_CHECK(part != source.partitions.end(), "a GPU has fewer pods than were counted");
    const PlacedPartition leaving = *part;
    make_room(target, leaving.profile, lattice.placements()[static_cast<std::size_t>(placement)].range);
    writer_.add_move(source, leaving, target, lattice.placements()[static_cast<std::size_t>(placement)].range);
    writer_.add(Kind::destroy_instance, source, leaving.profile, leaving.range);
  }

  void destroy_idle(std::size_t gpu) {
    const GpuLayout& layout = writer_.gpu(place_in_plan_[gpu]);
    const std::vector<PlacedPartition> parts = layout.partitions;
    for (const PlacedPartition& part : parts) {
      writer_.add(Kind::destroy_instance, layout, part.profile, part.range);
    }
  }

  ReshapePlan finish(const ReshapeDurations& durations) { return writer_.finish(durations); }

 private:
  static std::vector<GpuLayout> select(std::span<const GpuLayout> layouts, const std::vector<std::size_t>& touched) {
    std::vector<GpuLayout> result;
    for (const std::size_t index : touched) {
      result.push_back(layouts[index]);
    }
    return result;
  }

  /// An idle instance at exactly that place is used; others in the way go.
  void make_room(const GpuLayout& gpu, MigProfileId profile, SliceRange range) {
    const std::vector<PlacedPartition> parts = gpu.partitions;
    for (const PlacedPartition& part : parts) {
      if (part.range == range && part.profile == profile) {
        return;
      }
      if ((part.range.mask() & range.mask()) != 0) {
        writer_.add(Kind::destroy_instance, gpu, part.profile, part.range);
      }
    }
    writer_.add(Kind::create_instance, gpu, profile, range);
  }

  PlanWriter writer_;
  std::vector<std::size_t> place_in_plan_;  // by index of the layout
};

std::vector<std::size_t> touched_gpus(const std::vector<ModelMoves>& models) {
  std::vector<std::size_t> touched;
  for (const ModelMoves& model : models) {
    for (const std::size_t g : model.emptied) {
      touched.push_back(model.gpus[g].index);
    }
    for (const CompactionMove& move : model.moves) {
      touched.push_back(model.gpus[move.to].index);
    }
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  return touched;
}

CompactionPlan write_plan(std::span<const GpuLayout> layouts, const std::vector<ModelMoves>& models,
                          const ReshapeDurations& durations) {
  CompactionPlan result;
  CompactionWriter writer(layouts, touched_gpus(models));
  for (const ModelMoves& model : models) {
    std::vector<std::vector<const CompactionMove*>> moves_from(model.gpus.size());
    for (const CompactionMove& move : model.moves) {
      moves_from[move.from].push_back(&move);
    }
    for (const std::size_t g : model.emptied) {
      for (const CompactionMove* move : moves_from[g]) {
        writer.move(model.gpus[g].index, model.gpus[move->to].index, move->shape, move->placement);
      }
      writer.destroy_idle(model.gpus[g].index);
      result.emptied.push_back(model.gpus[g].index);
    }
  }
  result.plan = writer.finish(durations);
  return result;
}

}  // namespace

Result<CompactionPlan> plan_compaction(std::span<const GpuLayout> gpus, const CompactionOptions& options) {
  std::map<GpuModelId, std::vector<CompactionGpu>> by_model;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    if (!takes_part(gpus[i])) {
      continue;
    }
    if (const Result<MigLattice::StateId> state = lattice_state(gpus[i]); !state) {
      return state.error();
    }
    by_model[gpus[i].model].push_back(summary(gpus[i], i));
  }
  std::vector<ModelMoves> models;
  int pods_left = options.most_moved_pods;
  for (auto& [model, summaries] : by_model) {
    models.push_back(moves_of_model(std::move(summaries), model, pods_left));
    pods_left -= static_cast<int>(models.back().moves.size());
  }
  return write_plan(gpus, models, options.durations);
}

}  // namespace gpusched
