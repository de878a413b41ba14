// Which counted resource a pod should name that only says what it needs.
#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "gpusched/base/units.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "engine/caches.hpp"
#include "engine/mode_demand.hpp"

namespace gpusched {

namespace {

/// Nobody waits for ever: what stands for "any slowdown" where none is stated.
constexpr double unlimited_slowdown = 1000;

/// Alike units and where they are.
struct Kind {
  ResourceOption option;
  std::int64_t most_allocatable = 0;
  bool may_come = false;  // a node offers the resource, but none of its units for now
};

/// What a unit of the resource is, as far as the node tells.
ResourceOption describe_unit(const NodeSpec& node, const NodeResource& resource) {
  ResourceOption option;
  option.mig_profile = resource.mig_profile;
  option.shared = resource.shared;
  option.unit_profile = resource.mig_profile.empty() ? resource.unit_profile : resource.mig_profile;
  option.replicas = std::max(1, resource.replicas);
  option.model = node.gpus.empty() ? GpuModelId{} : node.gpus.front().model;
  // Strategy single may be set on a node whose instances nobody can name.
  const bool is_instance = !option.unit_profile.empty() || (node.gpus.empty() && node.sharing == NodeSharing::mig);
  if (option.shared || option.replicas > 1) {
    option.mode = node.sharing == NodeSharing::mps ? ModeKind::mps : ModeKind::time_slice;
  } else {
    option.mode = is_instance ? ModeKind::mig : ModeKind::whole;
  }
  return option;
}

/// A device is there that can become a unit.
bool has_devices(const NodeSpec& node, const NodeResource& resource) {
  if (!resource.whole_devices) {
    return !node.gpus.empty();
  }
  return std::any_of(node.gpus.begin(), node.gpus.end(), [](const GpuSpec& gpu) { return !gpu.fixed; });
}

/// Judges units for one job.
class UnitJudge {
 public:
  UnitJudge(const GpuRequest& intent, const JobProfile* measured, const ModeRules& rules)
      : intent_(intent),
        rules_(rules),
        profile_(measured != nullptr ? *measured : fallback_profile(intent.job_class)),
        tenant_(tenant_demand(profile_, LoadPoint::planned, rules.perf)) {
    needed_mib_ = intent.gpu_memory_mib;
    if (needed_mib_ == 0 && profile_.memory_peak_mib > 0) {
      needed_mib_ = memory_needed_mib(std::span(&profile_.memory_peak_mib, 1), rules.perf);
    }
  }

  /// Writes memory, share, slowdown and the first rule that is broken.
  void judge(ResourceOption& option, std::int64_t device_memory_mib) const {
    const Part part = part_of(option, device_memory_mib);
    option.memory_mib = part.memory_mib / option.replicas;
    option.share_milli = std::max<std::int64_t>(1, part.share_milli / option.replicas);
    option.slowdown = part.is_known ? slowdown_on(option, part) : 1;
    option.bar = bar_of(option, part);
  }

  std::int64_t cost_of(const ResourceOption& option) const {
    // A job that takes twice as long holds its place twice as long.
    const bool ends = intent_.job_class == JobClass::batch || intent_.job_class == JobClass::unknown;
    const double times = ends ? std::min(option.slowdown, unlimited_slowdown) : 1.0;
    return std::llround(static_cast<double>(option.share_milli) * times);
  }

 private:
  /// The device or instance that a unit is, or is a replica of.
  struct Part {
    bool is_known = true;
    MigProfileId profile{};  // not valid: a device
    std::int64_t memory_mib = 0;
    std::int64_t share_milli = milli_per_unit;
    std::int64_t memory_share_milli = milli_per_unit;
  };

  static Part part_of(const ResourceOption& option, std::int64_t device_memory_mib) {
    Part part;
    if (option.unit_profile.empty()) {
      part.is_known = option.mode != ModeKind::mig;
      part.memory_mib = device_memory_mib;
      return part;
    }
    const Result<MigProfileId> id = option.model.valid() ? find_mig_profile(option.model, option.unit_profile)
                                                         : Result<MigProfileId>(MigProfileId{});
    if (!id || !id.value().valid()) {
      part.is_known = false;
      return part;
    }
    const GpuModel& model = gpu_model(option.model);
    const MigProfile& row = model.profiles[id.value().value];
    const SliceFractions slice = slice_fractions(model, row);
    part.profile = id.value();
    part.memory_mib = row.memory_mib.value_or(0);
    part.memory_share_milli = to_milli(slice.memory);
    part.share_milli = std::max(part.memory_share_milli, to_milli(slice.compute));
    return part;
  }

  double slowdown_on(const ResourceOption& option, const Part& part) const {
    TenantDemand tenant = tenant_;
    if (part.profile.valid()) {
      tenant = on_slice(tenant, slice_slowdown_milli(profile_, option.model, part.profile, rules_.perf));
    }
    if (option.replicas == 1) {
      return exclusive_slowdown(tenant);
    }
    const PartitionLoad one = partition_load(tenant, rules_.perf);
    PartitionLoad others;
    for (std::int32_t i = 1; i < std::min(option.replicas, most_tenants); ++i) {
      others += one;
    }
    return option.mode == ModeKind::mps ? mps_slowdown_beside(tenant, others.mps, rules_.perf)
                                        : time_slice_slowdown_beside(tenant, others, rules_.perf);
  }

  UnitBar bar_of(const ResourceOption& option, const Part& part) const {
    const bool is_shared = option.mode == ModeKind::time_slice || option.mode == ModeKind::mps;
    const bool is_explicit = intent_.mode != SharingMode::unstated;
    const bool has_fraction = intent_.gpu_milli > 1 && intent_.gpu_milli < milli_per_unit;
    if (is_explicit && option.mode != mode_named(intent_.mode)) {
      return UnitBar::mode;
    }
    if (is_shared && intent_.isolation != Isolation::none) {
      return UnitBar::isolation;
    }
    if (option.mode == ModeKind::mps && !is_explicit) {
      return UnitBar::trust;
    }
    if (is_shared && intent_.num_gpu > 1) {
      return UnitBar::several_units;
    }
    if (!is_explicit && option.mode != ModeKind::whole && needed_mib_ == 0 && !has_fraction) {
      return UnitBar::memory_not_stated;
    }
    if (needed_mib_ > 0 && option.memory_mib == 0) {
      return UnitBar::model_not_known;
    }
    if (needed_mib_ > option.memory_mib) {
      return UnitBar::memory;
    }
    if (!part.is_known && (!is_explicit || has_fraction || intent_.max_slowdown > 0)) {
      return UnitBar::model_not_known;
    }
    if (has_fraction && part.memory_share_milli / option.replicas < intent_.gpu_milli) {
      return UnitBar::share;
    }
    const double tolerated = intent_.max_slowdown > 0 ? intent_.max_slowdown * rules_.weights.margin
                             : is_explicit            ? saturated_slowdown
                                                      : unlimited_slowdown;
    // A device of one's own is what slowdowns are measured against: nothing better can be given.
    return option.mode != ModeKind::whole && option.slowdown > tolerated ? UnitBar::slowdown : UnitBar::none;
  }

  static ModeKind mode_named(SharingMode mode) {
    constexpr std::array<ModeKind, 5> modes = {ModeKind::whole, ModeKind::whole, ModeKind::mig, ModeKind::time_slice,
                                               ModeKind::mps};
    return modes[static_cast<std::size_t>(mode)];
  }

  static constexpr std::int32_t most_tenants = 64;

  const GpuRequest& intent_;
  const ModeRules& rules_;
  JobProfile profile_;
  TenantDemand tenant_;
  std::int64_t needed_mib_ = 0;
};

std::int64_t device_memory_of(const NodeSpec& node) {
  if (node.gpus.empty()) {
    return 0;
  }
  const GpuSpec& gpu = node.gpus.front();
  return gpu.memory_mib > 0 || !gpu.model.valid() ? gpu.memory_mib : gpu_model(gpu.model).memory_mib.value_or(0);
}

bool is_same_kind(const ResourceOption& a, const ResourceOption& b) {
  return a.mig_profile == b.mig_profile && a.shared == b.shared && a.model == b.model &&
         a.unit_profile == b.unit_profile && a.replicas == b.replicas && a.mode == b.mode &&
         a.memory_mib == b.memory_mib;
}

/// What the nodes offer; memory is that of the device so far.
std::vector<Kind> kinds_of(const ClusterState& state, const GpuRequest& wanted) {
  std::vector<Kind> kinds;
  for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
    const Node& node = state.nodes()[i];
    for (std::size_t r = 0; r < node.spec.resources.size() && !node.removed; ++r) {
      const NodeResource& resource = node.spec.resources[r];
      if (resource.allocatable == 0 && !has_devices(node.spec, resource)) {
        continue;
      }
      ResourceOption option = describe_unit(node.spec, resource);
      option.memory_mib = device_memory_of(node.spec);
      auto kind = std::find_if(kinds.begin(), kinds.end(),
                               [&](const Kind& known) { return is_same_kind(known.option, option); });
      if (kind == kinds.end()) {
        kinds.push_back({.option = std::move(option)});
        kind = std::prev(kinds.end());
      }
      kind->most_allocatable = std::max(kind->most_allocatable, resource.allocatable);
      kind->may_come = kind->may_come || resource.allocatable == 0;
      kind->option.free_now =
          kind->option.free_now ||
          (node.state.schedulable && state.resource_free(NodeId{i}, r) >= wanted.num_gpu &&
           node.state.cpu_free_milli >= wanted.cpu_milli && node.state.memory_free_mib >= wanted.memory_mib);
    }
  }
  return kinds;
}

}  // namespace

const char* to_string(UnitBar bar) {
  constexpr std::array<const char*, 11> words = {
      "none",   "mode",  "isolation", "trust",  "several_units", "model_not_known", "memory_not_stated",
      "memory", "share", "slowdown",  "too_few"};
  return words[static_cast<std::size_t>(bar)];
}

const ResourceOption* ResourceChoice::runner_up() const {
  const auto other = std::find_if(fit.begin(), fit.end(), [&](const ResourceOption& option) {
    return option.mig_profile != fit.front().mig_profile || option.shared != fit.front().shared;
  });
  return other == fit.end() ? nullptr : &*other;
}

ResourceChoice Engine::choose_resource(const GpuRequest& intent) const {
  GpuRequest wanted = intent;
  if (wanted.mode != SharingMode::unstated) {
    wanted.max_slowdown = 0;  // the user's word wins over a prediction
  }
  const ModeRules defaults;
  const ModeRules& rules = policy_->traits().modes ? *policy_->traits().modes : defaults;
  const JobProfile* const measured = state_.profile(wanted.job_profile);
  const UnitJudge judge(wanted, measured, rules);
  ResourceChoice choice;
  choice.units = wanted.num_gpu;
  choice.profile_known = measured != nullptr;
  for (Kind& kind : kinds_of(state_, wanted)) {
    judge.judge(kind.option, kind.option.memory_mib);
    if (kind.option.bar == UnitBar::none && kind.most_allocatable < wanted.num_gpu && !kind.may_come) {
      kind.option.bar = UnitBar::too_few;
    }
    (kind.option.bar == UnitBar::none ? choice.fit : choice.refused).push_back(std::move(kind.option));
  }
  const auto key = [&](const ResourceOption& o) {
    return std::tuple(!o.free_now, judge.cost_of(o), std::llround(o.slowdown * 1000.0), std::string_view(o.mig_profile),
                      o.shared, o.model.value, std::string_view(o.unit_profile), o.replicas, o.memory_mib);
  };
  std::sort(choice.fit.begin(), choice.fit.end(),
            [&](const ResourceOption& a, const ResourceOption& b) { return key(a) < key(b); });
  return choice;
}

std::vector<NodeId> Engine::nodes_that_keep(const GpuRequest& named, const GpuRequest& intent,
                                            std::span<const NodeId> scope) const {
  const ModeRules defaults;
  const ModeRules& rules = policy_->traits().modes ? *policy_->traits().modes : defaults;
  const UnitJudge judge(intent, state_.profile(intent.job_profile), rules);
  std::vector<std::pair<ResourceOption, bool>> known;  // with the device's memory
  std::vector<NodeId> kept;
  for (const NodeId id : scope) {
    const NodeSpec& node = state_.node(id).spec;
    const auto resource = find_resource(node.resources, named);
    if (!resource) {
      kept.push_back(id);  // refused for a better reason
      continue;
    }
    ResourceOption option = describe_unit(node, node.resources[*resource]);
    option.memory_mib = device_memory_of(node);
    auto place =
        std::find_if(known.begin(), known.end(), [&](const auto& entry) { return is_same_kind(entry.first, option); });
    if (place == known.end()) {
      ResourceOption judged = option;
      judge.judge(judged, option.memory_mib);
      known.emplace_back(std::move(option), judged.bar == UnitBar::none);
      place = std::prev(known.end());
    }
    if (place->second) {
      kept.push_back(id);
    }
  }
  return kept;
}

}  // namespace gpusched
