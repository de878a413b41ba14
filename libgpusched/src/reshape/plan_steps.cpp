#include "reshape/plan_steps.hpp"

#include <algorithm>
#include <utility>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "reshape/plan_writer.hpp"

namespace gpusched::reshape {

namespace {

using Kind = ReshapeStepKind;

/// One instance after the other while the neighbours run.
class PerInstance {
 public:
  PerInstance(PlanWriter& writer, const GpuPath& path)
      : writer_(writer),
        lattice_(MigLattice::of(writer.gpu(0).model)),
        to_(lattice_.placed(path.way.target)),
        busy_(path.busy.movable | path.busy.pinned) {}

  void take(const LatticeStep& step) {
    const MigPlacement& placement = lattice_.placements()[static_cast<std::size_t>(step.placement)];
    if (step.create) {
      const MigProfileId profile = plain_profile(writer_.gpu(0).model, placement.shape);
      writer_.add(Kind::create_instance, writer_.gpu(0), profile, placement.range);
      restart(profile, placement.range);
      return;
    }
    const PlacedPartition part = at(placement.range);
    if (part.use == PartitionUse::movable) {
      vacate(part, placement.shape);
    }
    writer_.add(Kind::destroy_instance, writer_.gpu(0), part.profile, part.range);
  }

 private:
  PlacedPartition at(SliceRange range) const {
    const std::vector<PlacedPartition>& parts = writer_.gpu(0).partitions;
    const auto found =
        std::find_if(parts.begin(), parts.end(), [&](const PlacedPartition& part) { return part.range == range; });
    GPUSCHED_CHECK(found != parts.end(), "a path destroys what is not there");
    return *found;
  }

  /// An idle instance of the shape that stays: where the pod may end.
  const PlacedPartition* refuge(int shape) const {
    for (const PlacedPartition& part : writer_.gpu(0).partitions) {
      const int index = placement_index(lattice_, lattice_.shape_of(part.profile), part.range);
      if (part.use == PartitionUse::idle && lattice_.placements()[static_cast<std::size_t>(index)].shape == shape &&
          ((to_ & ~busy_) >> index & 1U) != 0) {
        return &part;
      }
    }
    return nullptr;
  }

  void vacate(const PlacedPartition& part, int shape) {
    const GpuLayout& gpu = writer_.gpu(0);
    const PlacedPartition* refuge_part = refuge(shape);
    if (refuge_part == nullptr) {
      writer_.add(Kind::stop_pod, gpu, part);
      return;
    }
    writer_.add_move(gpu, part, gpu, refuge_part->range);
  }

  void restart(MigProfileId profile, SliceRange range) {
    const auto& stopped = writer_.state().stopped;
    const auto waiting = std::find_if(stopped.begin(), stopped.end(),
                                      [&](const ReshapeState::StoppedPod& pod) { return pod.profile == profile; });
    if (waiting != stopped.end()) {
      writer_.add(Kind::start_pod, writer_.gpu(0), profile, range, waiting->pod);
    }
  }

  PlanWriter& writer_;
  const MigLattice& lattice_;
  std::uint32_t to_, busy_;
};

/// Everybody out, one new geometry, everybody back.
class DrainGpu {
 public:
  DrainGpu(PlanWriter& writer, std::vector<PlacedPartition> target) : writer_(writer), target_(std::move(target)) {}

  void write(bool toggles, bool resets) {
    for_each_gpu([&](std::size_t i) {
      if (!writer_.gpu(i).drained) {
        writer_.add(Kind::drain_gpu, writer_.gpu(i));
      }
    });
    for_each_part([&](const GpuLayout& gpu, const PlacedPartition& part) {
      if (part.use != PartitionUse::idle) {
        writer_.add(Kind::stop_pod, gpu, part);
      }
    });
    for_each_part([&](const GpuLayout& gpu, const PlacedPartition& part) {
      if (part.range.size > 0) {
        writer_.add(Kind::destroy_instance, gpu, part.profile, part.range);
      }
    });
    if (toggles) {
      const GpuLayout& gpu = writer_.gpu(0);
      writer_.add({.kind = Kind::enable_mig,
                   .at = {.node = gpu.node, .gpu = gpu.gpu, .profile = {}, .range = {}},
                   .to = {},
                   .pod = {},
                   .node_wide = resets});
    }
    create_and_start();
  }

 private:
  template <typename Visit>
  void for_each_gpu(Visit visit) {
    for (std::size_t i = 0; i < writer_.state().gpus.size(); ++i) {
      visit(i);
    }
  }
  /// Of the state as it is now; the visitor may change it.
  template <typename Visit>
  void for_each_part(Visit visit) {
    for_each_gpu([&](std::size_t i) {
      const std::vector<PlacedPartition> parts = writer_.gpu(i).partitions;
      for (const PlacedPartition& part : parts) {
        visit(writer_.gpu(i), part);
      }
    });
  }

  const std::vector<PlacedPartition>& target(std::size_t gpu) const {
    return gpu == 0 ? target_ : before_[gpu].partitions;
  }

  void create_and_start() {
    for_each_gpu([&](std::size_t i) {
      for (const PlacedPartition& part : target(i)) {
        if (part.range.size > 0) {
          writer_.add(Kind::create_instance, writer_.gpu(i), part.profile, part.range);
        }
      }
    });
    writer_.add(Kind::restart_operator, writer_.gpu(0));
    for_each_gpu([&](std::size_t i) { start_pods(i); });
    for_each_gpu([&](std::size_t i) {
      if (!before_[i].drained) {
        writer_.add(Kind::resume_gpu, writer_.gpu(i));
      }
    });
  }

  /// Those whose instance exists again take it, the others the first one of their profile that nobody came from.
  void start_pods(std::size_t i) {
    std::vector<PlacedPartition> homeless;
    for (const PlacedPartition& was : before_[i].partitions) {
      if (was.use == PartitionUse::idle) {
        continue;
      }
      const std::vector<PlacedPartition>& now = target(i);
      const bool exists = std::any_of(now.begin(), now.end(), [&](const PlacedPartition& part) {
        return part.range == was.range && part.profile == was.profile;
      });
      if (exists || was.range.size == 0) {
        writer_.add(Kind::start_pod, writer_.gpu(i), was);
      } else {
        homeless.push_back(was);
      }
    }
    for (const PlacedPartition& was : homeless) {
      const std::vector<PlacedPartition>& now = writer_.gpu(i).partitions;
      const auto place = std::find_if(now.begin(), now.end(), [&](const PlacedPartition& part) {
        return part.use == PartitionUse::idle && part.profile == was.profile;
      });
      GPUSCHED_CHECK(place != now.end(), "a target has too few instances for the pods");
      writer_.add(Kind::start_pod, writer_.gpu(i), was.profile, place->range, was.pod);
    }
  }

  PlanWriter& writer_;
  const std::vector<PlacedPartition> target_;
  const std::vector<GpuLayout> before_ = writer_.state().gpus;
};

/// The instances of a state; those that are there already keep their profile.
std::vector<PlacedPartition> instances(const GpuLayout& layout, MigLattice::StateId state) {
  const MigLattice& lattice = MigLattice::of(layout.model);
  GpuLayout target = layout;
  target.partitions.clear();
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    if ((lattice.placed(state) >> p & 1U) == 0) {
      continue;
    }
    const MigPlacement& placement = lattice.placements()[p];
    const auto same =
        std::find_if(layout.partitions.begin(), layout.partitions.end(), [&](const PlacedPartition& part) {
          return part.range.size > 0 && part.range == placement.range &&
                 lattice.shape_of(part.profile) == placement.shape;
        });
    const MigProfileId profile =
        same == layout.partitions.end() ? plain_profile(layout.model, placement.shape) : same->profile;
    target.partitions.push_back({.profile = profile, .range = placement.range, .use = PartitionUse::idle, .pod = {}});
  }
  target.sort();
  return target.partitions;
}

}  // namespace

ReshapePlan make_plan(std::span<const GpuLayout> node_gpus, std::size_t gpu, const GpuPath& path,
                      const ReshapePlanOptions& options) {
  const GpuLayout& layout = node_gpus[gpu];
  const bool toggles = !layout.mig_enabled;
  const bool resets = toggles && gpu_model(layout.model).mig_toggle_needs_reset;
  std::vector<GpuLayout> gpus{layout};
  if (resets) {
    std::copy_if(node_gpus.begin(), node_gpus.end(), std::back_inserter(gpus),
                 [&](const GpuLayout& other) { return &other != &layout; });
  }
  PlanWriter writer(std::move(gpus), options.actuation);
  if (options.actuation == Actuation::drain_gpu) {
    if (toggles || !path.way.steps.empty()) {
      DrainGpu(writer, instances(layout, path.way.target)).write(toggles, resets);
    }
    return writer.finish(options.durations);
  }
  if (toggles) {
    writer.add(Kind::enable_mig, layout);
  }
  PerInstance rule(writer, path);
  for (const LatticeStep& step : path.way.steps) {
    rule.take(step);
  }
  return writer.finish(options.durations);
}

bool same_counts(const MigLattice& lattice, MigLattice::StateId a, MigLattice::StateId b) {
  std::vector<int> difference(lattice.shapes().size(), 0);
  for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
    difference[static_cast<std::size_t>(lattice.placements()[p].shape)] +=
        static_cast<int>(lattice.placed(a) >> p & 1U) - static_cast<int>(lattice.placed(b) >> p & 1U);
  }
  return std::all_of(difference.begin(), difference.end(), [](int count) { return count == 0; });
}

}  // namespace gpusched::reshape
