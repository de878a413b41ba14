#include "reshape/step_rules.hpp"

#include <algorithm>
#include <utility>

#include "gpusched/cluster/gpu_state.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::reshape {

namespace {

using Kind = ReshapeStepKind;
using StoppedPod = ReshapeState::StoppedPod;

/// One step against one state; each rule either changes the state or says why not.
class StepRules {
 public:
  StepRules(ReshapeState& state, const ReshapeStep& step, Actuation actuation)
      : state_(state), step_(step), actuation_(actuation), gpu_(find_gpu(state, step.at)) {}

  Status carry_out() {
    if (gpu_ == nullptr) {
      return refuse("that GPU is not part of the plan");
    }
    switch (step_.kind) {
      case Kind::create_instance:
        return create();
      case Kind::destroy_instance:
        return destroy();
      case Kind::move_pod:
        return move();
      case Kind::stop_pod:
        return stop();
      case Kind::start_pod:
        return start(step_.at);
      case Kind::drain_gpu:
        return set_drained(true);
      case Kind::resume_gpu:
        return set_drained(false);
      case Kind::enable_mig:
        return set_mig(true);
      case Kind::disable_mig:
        return set_mig(false);
      case Kind::restart_operator:
        return {};
    }
    return {};
  }

 private:
  Error refuse(const std::string& why) const {
    return {.code = ErrorCode::invalid_argument,
            .message = std::string(to_string(step_.kind)) + " on node " + std::to_string(step_.at.node.value) +
                       ", GPU " + std::to_string(step_.at.gpu) +
                       (gpu_ == nullptr ? "" : ", " + partition_name(gpu_->model, step_.at.profile, step_.at.range)) +
                       ": " + why,
            .file = {},
            .line = 0,
            .remedy = {}};
  }

  /// mig-parted destroys and creates all instances of a GPU at once: nobody may run on it.
  Status check_geometry_may_change() const {
    if (actuation_ == Actuation::drain_gpu && (!gpu_->drained || gpu_->has_pods())) {
      return refuse("the GPU is not drained");
    }
    return {};
  }

  /// +me and +me.all: a GPU has one instance of each kind, and +me.all stands alone among instances with media engines.
  bool exceeds_label_cap(const MigProfile& profile) const {
    return std::any_of(gpu_->partitions.begin(), gpu_->partitions.end(), [&](const PlacedPartition& part) {
      const MigProfile& other = gpu_model(gpu_->model).profiles[part.profile.value];
      return (mig_label_bits(other) & mig_label_bits(profile)) != 0 ||
             (profile.all_media_extensions && !other.no_media_extensions) ||
             (other.all_media_extensions && !profile.no_media_extensions);
    });
  }

  Status create() {
    if (const Status may = check_geometry_may_change(); !may) {
      return may;
    }
    const Result<MigLattice::StateId> before = lattice_state(*gpu_);
    if (!before) {
      return before.error();
    }
    const MigLattice& lattice = MigLattice::of(gpu_->model);
    const int index = placement_index(lattice, lattice.shape_of(step_.at.profile), step_.at.range);
    if (index < 0 || lattice.after_create(before.value(), index) == MigLattice::no_state) {
      return refuse(index < 0 ? "no legal place" : "the place is taken");
    }
    if (exceeds_label_cap(gpu_model(gpu_->model).profiles[step_.at.profile.value])) {
      return refuse("the GPU has its only instance of that kind");
    }
    gpu_->partitions.push_back(
        {.profile = step_.at.profile, .range = step_.at.range, .use = PartitionUse::idle, .pod = {}});
    gpu_->sort();
    return {};
  }

  Status destroy() {
    if (const Status may = check_geometry_may_change(); !may) {
      return may;
    }
    const PlacedPartition* part = find_partition(*gpu_, step_.at, {});
    if (part == nullptr || part->use != PartitionUse::idle) {
      return refuse(part == nullptr ? "there is no idle instance" : "the instance is in use");
    }
    gpu_->partitions.erase(gpu_->partitions.begin() + (part - gpu_->partitions.data()));
    return {};
  }

  Status move() {
    GpuLayout* target = find_gpu(state_, step_.to);
    PlacedPartition* from = find_partition(*gpu_, step_.at, step_.pod);
    PlacedPartition* to = target == nullptr ? nullptr : find_partition(*target, step_.to, {});
    if (from == nullptr || from->use != PartitionUse::movable) {
      return refuse(from == nullptr ? "the pod is not there" : "the pod is pinned");
    }
    if (to == nullptr || to->use != PartitionUse::idle || target->model != gpu_->model ||
        to->profile != from->profile) {
      return refuse("no idle instance of that profile where the pod is to go");
    }
    std::swap(from->use, to->use);
    std::swap(from->pod, to->pod);
    return {};
  }

  Status stop() {
    PlacedPartition* part = find_partition(*gpu_, step_.at, step_.pod);
    if (part == nullptr || part->use != PartitionUse::movable) {
      return refuse(part == nullptr ? "the pod is not there" : "the pod is pinned");
    }
    const StoppedPod stopped{.pod = step_.pod, .profile = part->profile, .range = part->range};
    if (part->range.size > 0) {
      part->use = PartitionUse::idle;
      part->pod = {};
    } else {
      gpu_->partitions.erase(gpu_->partitions.begin() + (part - gpu_->partitions.data()));
    }
    const auto place = std::find_if(state_.stopped.begin(), state_.stopped.end(),
                                    [&](const StoppedPod& other) { return other.pod > stopped.pod; });
    state_.stopped.insert(place, stopped);
    return {};
  }

  Status start(const PartitionPlace& place) {
    const auto stopped = std::find_if(state_.stopped.begin(), state_.stopped.end(),
                                      [&](const StoppedPod& other) { return other.pod == step_.pod; });
    if (stopped == state_.stopped.end() || stopped->profile != place.profile) {
      return refuse("no such pod is stopped");
    }
    if (place.range.size == 0) {
      if (gpu_->mig_enabled) {
        return refuse("MIG is on");
      }
      gpu_->partitions.push_back({.profile = {}, .range = {}, .use = PartitionUse::movable, .pod = step_.pod});
      gpu_->sort();
    } else {
      PlacedPartition* part = find_partition(*gpu_, place, {});
      if (part == nullptr || part->use != PartitionUse::idle) {
        return refuse("there is no idle instance");
      }
      part->use = PartitionUse::movable;
      part->pod = step_.pod;
    }
    state_.stopped.erase(stopped);
    return {};
  }

  Status set_drained(bool drained) {
    if (gpu_->drained == drained) {
      return refuse(drained ? "it is drained already" : "it is not drained");
    }
    gpu_->drained = drained;
    return {};
  }

  Status set_mig(bool enabled) {
    if (gpu_->mig_enabled == enabled) {
      return refuse(enabled ? "MIG is on already" : "MIG is off already");
    }
    for (const GpuLayout& other : state_.gpus) {
      const bool is_reset = &other == gpu_ || (step_.node_wide && other.node == gpu_->node);
      if (is_reset && (!other.partitions.empty() || (step_.node_wide && !other.drained))) {
        return refuse("GPU " + std::to_string(other.gpu) + " is not drained and empty");
      }
    }
    gpu_->mig_enabled = enabled;
    return {};
  }

  ReshapeState& state_;
  const ReshapeStep& step_;
  Actuation actuation_;
  GpuLayout* gpu_;
};

}  // namespace

Status carry_out(ReshapeState& state, const ReshapeStep& step, Actuation actuation) {
  return StepRules(state, step, actuation).carry_out();
}

GpuLayout* find_gpu(ReshapeState& state, const PartitionPlace& place) {
  const auto found = std::find_if(state.gpus.begin(), state.gpus.end(), [&](const GpuLayout& layout) {
    return layout.node == place.node && layout.gpu == place.gpu;
  });
  return found == state.gpus.end() ? nullptr : &*found;
}

PlacedPartition* find_partition(GpuLayout& gpu, const PartitionPlace& place, PodId pod) {
  const auto found = std::find_if(gpu.partitions.begin(), gpu.partitions.end(), [&](const PlacedPartition& part) {
    return part.range == place.range && part.profile == place.profile && (!pod.valid() || part.pod == pod);
  });
  return found == gpu.partitions.end() ? nullptr : &*found;
}

}  // namespace gpusched::reshape
