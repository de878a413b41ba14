#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "gpusched/base/huge_page_allocator.hpp"
#include "gpusched/base/index_bitset.hpp"
#include "gpusched/base/inline_vector.hpp"
#include "gpusched/cluster/cluster_state.hpp"
#include "gpusched/policy/mode_rules.hpp"
#include "gpusched/score/mode_value.hpp"

#include "engine/mode_demand.hpp"

namespace gpusched {

/// The GPUs as the choice of mode sees them, by ordinal (GPUs counted in node order), kept current by the changes that
/// the cluster state notes: what is idle, and how much room each shared GPU has left.
class ModeIndex {
 public:
  /// One shared GPU. Load and limit: docs/policies/auto.md.
  struct alignas(64) Shared {
    // One line of memory with all that most GPUs are refused by.
    std::int32_t free_memory_mib = 0;
    std::uint32_t trust_domain = 0;      ///< of its tenants, under MPS
    PartitionLoad sum;                   ///< over its tenants
    std::int64_t most_mps_pressure = 0;  ///< least over its tenants
    // Under time slicing, least over its tenants: a newcomer that adds more surely slows one of them too much.
    double closed_room = 0;
    double service_room = 0;

    double load = 0;
    double limit = 0;     ///< the most that the tenant which tolerates least lets it carry
    double headroom = 0;  ///< share of its room that is left, 0..1
    std::int32_t memory_mib = 0;
    std::int32_t tenants = 0;
  };
  /// A MIG instance whose tenants take turns.
  struct Instance {
    std::int16_t start = 0;
    MigProfileId profile;
    double size = 0;  ///< of its GPU
    std::int32_t memory_mib = 0;
    std::int32_t free_memory_mib = 0;
    PartitionLoad sum;  ///< over its tenants
    double load = 0;
    double limit = 0;
    double headroom = 0;  ///< share of its room that is left, 0..1
    InlineVector<RequestClassId, most_turn_takers> tenants;
  };
  /// A place for one shape on GPUs of one occupancy.
  struct InstanceOption {
    double value_lost = 0;
    std::int32_t free_units = 0;
    std::int32_t bucket = 0;  ///< of the GpuIndex
    std::int16_t start = 0;
    bool idle = false;  ///< MIG mode is off there
  };

  explicit ModeIndex(const ModeRules& rules) : rules_(rules) {}

  /// Brings the index up to date. Call before reading.
  void sync(ClusterState& state, ModeDemands& demands);

  const Shared& shared(std::uint32_t ordinal) const { return shared_[ordinal]; }
  /// Shared GPUs of that mode with a place for one more tenant.
  const IndexBitset& open(ModeKind mode) const { return mode == ModeKind::mps ? open_mps_ : open_time_slice_; }
  /// GPUs with a time-sliced instance that has a place for one more tenant.
  const IndexBitset& open_instances() const { return open_instances_; }
  /// The time-sliced instances of one of these, by start.
  const std::vector<Instance>& instances(std::uint32_t ordinal) const { return instances_.at(ordinal); }
  /// Share of its room that a GPU, or an instance, shared in this mode by so many tenants has left, 0..1.
  double room_left(ModeKind mode, std::int32_t tenants, std::int32_t free_memory_mib, std::int32_t memory_mib,
                   double load, double limit) const {
    double left = 1.0 - static_cast<double>(tenants) / rules_.most_tenants(mode);
    if (memory_mib > 0 && rules_.guard != ModeGuard::none) {
      left = std::min(left, static_cast<double>(free_memory_mib) / memory_mib);
    }
    if (rules_.guard == ModeGuard::slowdown) {
      left = std::min(left, limit > load ? 1.0 - load / limit : 0.0);
    }
    return std::max(left, 0.0);
  }
  const IndexBitset& idle(std::uint16_t model) const { return idle_[model]; }
  /// Idle GPUs of all models that take newcomers.
  std::uint32_t idle_count() const { return idle_count_; }
  /// GPU models that occur.
  const std::vector<std::uint16_t>& models() const { return models_; }
  std::uint32_t gpu_count() const { return static_cast<std::uint32_t>(shared_.size()); }
  /// A device with these tenants.
  Shared shared_by(const ClusterState& state, ModeDemands& demands, std::span<const RequestClassId> tenants,
                   ModeKind mode, std::int32_t memory_mib, std::int32_t free_memory_mib) const;
  /// Where a shape loses least on a GPU so occupied; start < 0: it fits nowhere.
  InstanceOption best_place(std::uint16_t model, int shape, std::uint16_t occupancy);
  /// Where a shape may go on a model, least value lost first, then the fewest free units.
  const std::vector<InstanceOption>& instance_options(const GpuIndex& gpus, std::uint16_t model, int shape);
  const ModeValue& value(std::uint16_t model);

  /// GPUs that changed, in order; a reader remembers how far it has read. `generation` changes when it starts anew.
  const std::vector<std::uint32_t>& change_log() const { return log_; }
  std::uint64_t generation() const { return generation_; }

 private:
  void start_log();
  void rebuild(ClusterState& state, ModeDemands& demands);
  void refresh(const ClusterState& state, ModeDemands& demands, GpuRef gpu);
  static void find_room(const ClusterState& state, ModeDemands& demands, std::span<const RequestClassId> tenants,
                        Shared& shared);
  void refresh_instances(const ClusterState& state, ModeDemands& demands, GpuRef gpu, std::uint32_t ordinal);
  static void set(IndexBitset& members, std::uint32_t ordinal, bool in);

  static constexpr std::size_t max_log = 1U << 20;

  const ModeRules& rules_;
  std::vector<Shared, HugePageAllocator<Shared>> shared_;
  IndexBitset open_time_slice_, open_mps_, open_instances_;
  std::unordered_map<std::uint32_t, std::vector<Instance>> instances_;  // by ordinal: GPUs are few that have some
  std::vector<IndexBitset> idle_;                                       // by GpuModelId; of models that occur
  std::uint32_t idle_count_ = 0;
  std::vector<std::uint16_t> models_;
  std::vector<std::optional<ModeValue>> values_;                            // by GpuModelId
  std::vector<std::vector<std::vector<InstanceOption>>> instance_options_;  // [model][shape]
  std::vector<std::vector<std::size_t>> buckets_seen_;                      // [model][shape]
  std::vector<GpuRef> changed_;                                             // kept for its memory
  std::vector<std::uint32_t> log_;
  std::uint64_t generation_ = 0;
  std::uint64_t topology_version_ = ~std::uint64_t{0};
  std::uint64_t profiles_version_ = ~std::uint64_t{0};
};

}  // namespace gpusched
