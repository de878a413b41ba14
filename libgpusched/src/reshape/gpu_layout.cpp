#include "gpusched/reshape/gpu_layout.hpp"

#include <algorithm>
#include <tuple>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

class Fnv1a {
 public:
  void add(std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ ((value >> (8 * byte)) & 0xffU)) * 1099511628211ULL;
    }
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037ULL;
};

Error illegal(const GpuLayout& layout, const PlacedPartition& part, const std::string& why) {
  return {.code = ErrorCode::invalid_argument,
          .message = "GPU " + std::to_string(layout.gpu) + ": " +
                     partition_name(layout.model, part.profile, part.range) + " " + why,
          .file = {},
          .line = 0,
          .remedy =
              "`gpusched-sim list profiles " + std::string(gpu_model(layout.model).name) + "` prints the legal starts"};
}

}  // namespace

bool GpuLayout::has_pods() const {
  return std::any_of(partitions.begin(), partitions.end(),
                     [](const PlacedPartition& part) { return part.use != PartitionUse::idle; });
}

void GpuLayout::sort() {
  const auto key = [](const PlacedPartition& part) {
    return std::tuple(part.range.start, part.range.size, part.pod.value);
  };
  std::sort(partitions.begin(), partitions.end(),
            [&](const PlacedPartition& a, const PlacedPartition& b) { return key(a) < key(b); });
}

Result<MigLattice::StateId> lattice_state(const GpuLayout& layout) {
  const GpuModel& model = gpu_model(layout.model);
  if (!model.has_lattice() || !layout.mig_enabled) {
    return Error{
        .code = ErrorCode::unsupported,
        .message = "GPU " + std::to_string(layout.gpu) + " (" + std::string(model.name) +
                   ") has no instances: " + (model.has_lattice() ? "MIG is off" : std::string(model.mig_refusal)),
        .file = {},
        .line = 0,
        .remedy = {}};
  }
  const MigLattice& lattice = MigLattice::of(layout.model);
  MigLattice::StateId state = 0;
  for (const PlacedPartition& part : layout.partitions) {
    const int index = placement_index(lattice, lattice.shape_of(part.profile), part.range);
    if (index < 0) {
      return illegal(layout, part, "is no legal place");
    }
    state = lattice.after_create(state, index);
    if (state == MigLattice::no_state) {
      return illegal(layout, part, "overlaps another instance");
    }
  }
  return state;
}

int placement_index(const MigLattice& lattice, int shape, SliceRange range) {
  const std::span<const MigPlacement> all = lattice.placements();
  const auto found = std::find_if(all.begin(), all.end(), [&](const MigPlacement& placement) {
    return placement.shape == shape && placement.range == range;
  });
  return found == all.end() ? -1 : static_cast<int>(found - all.begin());
}

MigProfileId plain_profile(GpuModelId model, int shape) {
  const MigLattice& lattice = MigLattice::of(model);
  const std::vector<MigProfile>& profiles = gpu_model(model).profiles;
  for (std::uint32_t i = 0; i < profiles.size(); ++i) {
    if (!profiles[i].is_label() && lattice.shape_of(MigProfileId{i}) == shape) {
      return MigProfileId{i};
    }
  }
  GPUSCHED_CHECK(false, "shape " + std::to_string(shape) + " has no profile without label");
  return {};
}

std::string partition_name(GpuModelId model, MigProfileId profile, SliceRange range) {
  if (!profile.valid()) {
    return "device";
  }
  return std::string(gpu_model(model).profiles[profile.value].name) + "@" + std::to_string(range.start);
}

std::uint64_t fingerprint(std::span<const GpuLayout> layouts) {
  Fnv1a hash;
  hash.add(layouts.size());
  for (const GpuLayout& layout : layouts) {
    hash.add(layout.node.value);
    hash.add(layout.gpu);
    hash.add(layout.model.value);
    hash.add((layout.mig_enabled ? 1U : 0U) | (layout.drained ? 2U : 0U));
    hash.add(layout.partitions.size());
    for (const PlacedPartition& part : layout.partitions) {
      hash.add(part.profile.value);
      hash.add(static_cast<std::uint64_t>(part.range.start) << 16U | static_cast<std::uint64_t>(part.range.size));
      hash.add(static_cast<std::uint64_t>(part.use));
      hash.add(part.pod.value);
    }
  }
  return hash.value();
}

std::string fingerprint_text(std::uint64_t fingerprint) {
  std::string digits;
  for (int shift = 60; shift >= 0; shift -= 4) {
    digits += "0123456789abcdef"[fingerprint >> shift & 0xfU];
  }
  return digits;
}

GpuLayout layout_of(const ClusterState& cluster, NodeId node, std::uint16_t gpu,
                    const std::function<bool(PodId)>& may_move) {
  GpuLayout layout;
  layout.node = node;
  layout.gpu = gpu;
  layout.model = GpuModelId{cluster.node(node).state.gpus[gpu].model};
  std::uint16_t explained = 0;
  for (const PodId pod : cluster.node(node).pods) {
    for (const GpuAssignment& part : cluster.pod(pod)->placement.gpus) {
      if (part.gpu != gpu) {
        continue;
      }
      layout.mig_enabled = layout.mig_enabled && part.range.size > 0;
      if (part.takes_turns() && (explained & part.range.mask()) != 0) {
        continue;  // one more tenant of an instance that is listed
      }
      explained = static_cast<std::uint16_t>(explained | part.range.mask());
      layout.partitions.push_back(
          {.profile = part.profile,
           .range = part.range,
           .use = may_move(pod) && !part.takes_turns() ? PartitionUse::movable : PartitionUse::pinned,
           .pod = pod});
    }
  }
  const GpuState& state = cluster.node(node).state.gpus[gpu];
  layout.drained = state.held || state.mig_occupancy != explained;
  layout.sort();
  return layout;
}

}  // namespace gpusched
