#include "gpusched/reshape/reshape_planner.hpp"

#include <algorithm>
#include <utility>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/lattice_graph.hpp"

#include "reshape/plan_steps.hpp"

namespace gpusched {

namespace {

using reshape::GpuPath;

Error refusal(ErrorCode code, std::string message, std::string remedy = {}) {
  return {.code = code, .message = std::move(message), .file = {}, .line = 0, .remedy = std::move(remedy)};
}

const MigProfile& profile_of(const GpuLayout& layout, const PlacedPartition& part) {
  return gpu_model(layout.model).profiles[part.profile.value];
}

bool is_pinned(const PlacedPartition& part) { return part.use == PartitionUse::pinned; }

/// What the two plans ask in common of the layout; MIG off counts as an empty lattice.
class PlanRequest {
 public:
  PlanRequest(std::span<const GpuLayout> node_gpus, std::size_t gpu, const ReshapePlanOptions& options)
      : node_gpus_(node_gpus), gpu_(gpu), options_(options) {
    GPUSCHED_CHECK(gpu < node_gpus.size(), "the node has no such GPU");
  }

  const GpuLayout& layout() const { return node_gpus_[gpu_]; }
  const LatticeGraph& graph() const { return LatticeGraph::of(layout().model); }

  Result<GpuPath> start() const {
    GpuPath path;
    if (!gpu_model(layout().model).has_lattice()) {
      return lattice_state(layout()).error();
    }
    if (!layout().mig_enabled) {
      return path;
    }
    const Result<MigLattice::StateId> state = lattice_state(layout());
    if (!state) {
      return state.error();
    }
    path.from = state.value();
    const MigLattice& lattice = graph().lattice();
    for (const PlacedPartition& part : layout().partitions) {
      const int index = placement_index(lattice, lattice.shape_of(part.profile), part.range);
      if (is_pinned(part) || profile_of(layout(), part).is_label()) {
        path.busy.pinned |= 1U << index;
      } else if (part.use == PartitionUse::movable) {
        path.busy.movable |= 1U << index;
      }
    }
    return path;
  }

  /// Why the node's GPUs cannot be changed at all, or empty.
  std::string obstacle() const {
    const GpuModel& model = gpu_model(layout().model);
    for (const PlacedPartition& part : layout().partitions) {
      if (part.range.size > 0 && profile_of(layout(), part).all_media_extensions) {
        return "it holds " + std::string(profile_of(layout(), part).name) +
               ", beside which no plain instance is created";
      }
    }
    const bool toggles = !layout().mig_enabled;
    if (options_.actuation == Actuation::per_instance) {
      if (toggles && model.mig_toggle_needs_reset) {
        return "MIG is off, and turning it on needs a reset on " + std::string(model.architecture) + ": use drain-gpu";
      }
      return toggles && layout().has_pods() ? "MIG is off, and pods run on the device: use drain-gpu" : "";
    }
    for (const GpuLayout& gpu : node_gpus_) {
      const bool is_drained = &gpu == &layout() || (toggles && model.mig_toggle_needs_reset);
      if (is_drained && std::any_of(gpu.partitions.begin(), gpu.partitions.end(), is_pinned)) {
        return "GPU " + std::to_string(gpu.gpu) + " has to be drained and holds a pinned partition";
      }
    }
    if (toggles && layout().has_pods()) {
      return "MIG is off, and pods run on the device, which no instance could take back";
    }
    return "";
  }

  /// Labelled instances are neither created nor destroyed, so a target names exactly those that are there.
  Status check_labels(std::span<const PlacedPartition> target) const {
    const auto lacks_one_of = [&](std::span<const PlacedPartition> parts, std::span<const PlacedPartition> others) {
      return std::find_if(parts.begin(), parts.end(), [&](const PlacedPartition& part) {
        return part.range.size > 0 && profile_of(layout(), part).is_label() &&
               std::none_of(others.begin(), others.end(), [&](const PlacedPartition& other) {
                 return other.profile == part.profile && other.range == part.range;
               });
      });
    };
    const std::span<const PlacedPartition> now = layout().partitions;
    const auto gone = lacks_one_of(now, target);
    const auto added = lacks_one_of(target, now);
    if (gone == now.end() && added == target.end()) {
      return {};
    }
    const PlacedPartition& part = gone != now.end() ? *gone : *added;
    return refusal(ErrorCode::unsupported,
                   partition_name(layout().model, part.profile, part.range) +
                       " carries a label: such instances are neither created nor destroyed",
                   "Name it in both layouts or in none");
  }

  ReshapeAnswer answer(GpuPath path, const LatticePath& way) const {
    path.way = way;
    ReshapePlan plan = reshape::make_plan(node_gpus_, gpu_, path, options_);
    if (plan.moved_pods() > options_.most_moved_pods) {
      return {.plan = std::nullopt,
              .reason = "the plan would move " + std::to_string(plan.moved_pods()) + " pods, more than the budget of " +
                        std::to_string(options_.most_moved_pods)};
    }
    return {.plan = std::move(plan), .reason = {}};
  }

 private:
  std::span<const GpuLayout> node_gpus_;
  std::size_t gpu_;
  const ReshapePlanOptions& options_;
};

}  // namespace

Result<ReshapeAnswer> plan_room(std::span<const GpuLayout> node_gpus, std::size_t gpu, MigProfileId need,
                                const ReshapePlanOptions& options) {
  const PlanRequest request(node_gpus, gpu, options);
  const Result<GpuPath> start = request.start();
  if (!start) {
    return start.error();
  }
  const MigProfile& profile = gpu_model(request.layout().model).profiles[need.value];
  if (profile.is_label()) {
    return refusal(ErrorCode::unsupported, "no reshape makes room for " + std::string(profile.name),
                   "Ask for the profile without its label");
  }
  const LatticeGraph& graph = request.graph();
  const int shape = graph.lattice().shape_of(need);
  const GpuPath& path = start.value();
  const std::optional<LatticePath> way =
      graph.to_room(path.from, path.busy, shape, options.most_moved_pods, LatticeCosts{});
  const bool changes = !way || !way->steps.empty() || !request.layout().mig_enabled;
  const std::string obstacle = changes ? request.obstacle() : "";
  if (!way || !obstacle.empty()) {
    const std::string where =
        "GPU " + std::to_string(request.layout().gpu) + " has no room for " + std::string(profile.name) + ": ";
    return ReshapeAnswer{.plan = std::nullopt,
                         .reason = where + (obstacle.empty() ? "no layout holds it beside what is pinned and the pods "
                                                               "that run, within the budget of moves"
                                                             : obstacle)};
  }
  return request.answer(path, *way);
}

Result<ReshapeAnswer> plan_layout(std::span<const GpuLayout> node_gpus, std::size_t gpu,
                                  std::span<const PlacedPartition> target, const ReshapePlanOptions& options) {
  const PlanRequest request(node_gpus, gpu, options);
  const Result<GpuPath> start = request.start();
  if (!start) {
    return start.error();
  }
  if (const Status labels = request.check_labels(target); !labels) {
    return labels.error();
  }
  GpuLayout wanted = request.layout();
  wanted.mig_enabled = true;
  wanted.partitions.assign(target.begin(), target.end());
  const Result<MigLattice::StateId> end = lattice_state(wanted);
  if (!end) {
    return end.error();
  }
  const LatticeGraph& graph = request.graph();
  const GpuPath& path = start.value();
  const std::optional<LatticePath> way = graph.to_layout(path.from, path.busy, end.value(), LatticeCosts{});
  if (!way) {
    return ReshapeAnswer{.plan = std::nullopt,
                         .reason = "the layout lacks a pinned instance, or has too few instances for the pods"};
  }
  const bool changes = !way->steps.empty() || !request.layout().mig_enabled;
  if (changes && options.actuation == Actuation::drain_gpu && request.layout().mig_enabled &&
      reshape::same_counts(graph.lattice(), path.from, end.value())) {
    return ReshapeAnswer{.plan = std::nullopt,
                         .reason =
                             "the GPU has these instances in other places, and mig-parted only counts: use "
                             "per-instance"};
  }
  if (std::string obstacle = changes ? request.obstacle() : ""; !obstacle.empty()) {
    return ReshapeAnswer{.plan = std::nullopt, .reason = std::move(obstacle)};
  }
  return request.answer(path, *way);
}

}  // namespace gpusched
