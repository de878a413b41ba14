#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gpusched/engine/decision.hpp"
#include "gpusched/engine/explanation.hpp"
#include "gpusched/filter/request_filter.hpp"

#include "engine/mode_demand.hpp"
#include "engine/mode_index.hpp"

namespace gpusched {

/// One way to give a job a GPU, or a part of one, now.
struct ModeCandidate {
  std::int64_t cost = 0;  ///< millionths of a GPU
  ModeKind mode = ModeKind::whole;
  std::uint32_t ordinal = IndexBitset::none;  ///< of the GPU
  MigProfileId profile{};                     ///< of an instance
  SliceRange range{};
  double slowdown = 1;    ///< predicted, of the job itself
  double setup_s = 0;     ///< until the partition can be used
  double value_lost = 0;  ///< of the GPU, without the time it is held for

  bool found() const { return ordinal != IndexBitset::none; }
};

/// What a decision says of the candidate it takes.
ModeVerdict verdict(const ModeCandidate& chosen);

/// Shared GPUs looked at before the best of them is taken: a decision's cost does not grow with the cluster.
inline constexpr std::size_t search_window = 64;
/// None of them is searched for any further as soon as the job has some place, in whatever mode: few jobs ask for more
/// than what all of these have left, but those would look at every shared GPU there is.
inline constexpr std::size_t longest_search = 256;

/// Looks for the cheapest way to run one job that states intent: every mode a candidate on one scale.
class ModeSearch {
 public:
  ModeSearch(const ModeRules& rules, RequestFilter& filter)
      : rules_(rules), filter_(filter), demands_(rules), index_(rules) {}

  /// Brings the index up to date; before start() and after every change of the state.
  void sync(ClusterState& state) { index_.sync(state, demands_); }
  const ModeIndex& index() const { return index_; }

  /// Starts a search; `in_scope` (by NodeId) limits the nodes, nullptr = all. With a GPU `but`, which is left out, it
  /// looks for another place of a pod that has one, and gives up after `longest_search` shared GPUs.
  void start(ClusterState& state, RequestClassId request, const std::vector<char>* in_scope,
             std::uint32_t but = IndexBitset::none);
  /// The cheapest candidate of each mode; look at found().
  const std::array<ModeCandidate, mode_kind_count>& best_by_mode();
  /// The cheapest place on one GPU once a pod of class `leaving`, which holds `part` of it, has left; its cost is
  /// against the GPU as it is now. Its node may lack CPU or memory: what the pod gives back is not counted.
  ModeCandidate best_without(std::uint32_t ordinal, const GpuAssignment& part, RequestClassId leaving);
  /// After best_by_mode() found nothing: GPUs by reason.
  const RejectCounts& reasons();
  /// After best_by_mode(): whether some GPU was passed over because its node has too little CPU or memory left.
  bool lacked_host() const { return lacked_host_; }
  /// Whether this GPU alone has a place for the job.
  bool admits(std::uint32_t ordinal);
  // For explanations, between start() and the next change.
  /// Why the mode is out of the question whatever the GPUs.
  ModeBar bar(ModeKind mode) const;
  CostTerms terms(const ModeCandidate& candidate) const;
  /// Every GPU by the reason why it does not take the job in this mode; `none` where it does.
  RejectCounts refusals(ModeKind mode);
  std::int64_t memory_needed_mib() const { return demand_->memory_mib; }
  /// The assignment that carries out a candidate.
  Candidate placement(const ModeCandidate& chosen) const;

 private:
  /// An instance of a layout that was cut once, the smallest first.
  struct LayoutPart {
    int compute_slices = 0;
    std::int16_t start = 0;
    std::int16_t units = 0;
  };
  /// The shared GPU that a job joins: the least by (key, value lost), the lowest among equals.
  struct Join {
    std::int64_t key = 0;
    double value_lost = 0;
    ModeCandidate candidate;
  };

  void search_pool(const ModePool& pool, std::uint32_t begin, std::uint32_t end);
  void search_instances(ModeSet modes, std::uint32_t begin, std::uint32_t end);
  /// An instance of its own at a place that is free there.
  ModeCandidate instance_on(std::uint32_t ordinal, std::uint16_t model, const ModeInstance& instance,
                            const ModeIndex::InstanceOption& place) const;
  /// The instance that `alone` would have, with room for others.
  ModeCandidate opened_for_turns(ModeCandidate alone, std::uint16_t model) const;
  /// Time-sliced instances with a place for one more tenant.
  void search_open_instances(std::uint32_t begin, std::uint32_t end);
  /// The cheapest time-sliced instance of a GPU that takes the job as one more tenant, if it costs less than the best
  /// of this mode so far.
  ModeCandidate join_instance(std::uint32_t ordinal);
  /// The job's own predicted slowdown among the tenants, or 0 where somebody would be slowed too much.
  double slowdown_in(const ModeIndex::Instance& instance, std::uint16_t model);
  /// Of the room that a time-sliced instance has left.
  double instance_value(double size, double headroom) const {
    return rules_.weights.instance_room * (1.0 - rules_.weights.wholeness) * size * headroom;
  }
  void search_layout(std::uint32_t begin, std::uint32_t end);
  void search_idle(ModeSet modes, std::uint32_t begin, std::uint32_t end);
  ModeCandidate whole_on(std::uint32_t ordinal) const;
  /// A GPU that nobody holds, opened for sharing; not found where it does not do.
  ModeCandidate opened_on(std::uint32_t ordinal, ModeKind mode) const;
  void offer_on_empty(std::uint32_t ordinal);
  void offer_on_cut(std::uint32_t ordinal, std::uint16_t occupancy);
  void offer_beside(std::uint32_t ordinal, const ModeIndex::Shared& gpu, std::span<const RequestClassId> tenants,
                    ModeKind mode);
  void search_shared(ModeKind mode, std::uint32_t begin, std::uint32_t end);
  /// False: nobody beside whom the job runs as fast as alone would make this GPU the better one. Cheaper than a
  /// prediction.
  bool may_win(const ModeIndex::Shared& gpu, ModeKind mode, const Join& join) const;
  void weigh_join(std::uint32_t ordinal, ModeKind mode, double slowdown, Join& join);
  void offer(const ModeCandidate& candidate);
  bool found_any() const {
    return std::any_of(best_.begin(), best_.end(), [](const ModeCandidate& candidate) { return candidate.found(); });
  }
  RejectReason node_reason(std::uint32_t ordinal, ModeKind mode);
  RejectReason gpu_reason(std::uint32_t ordinal, ModeKind mode);
  RejectReason instance_reason(const Node& node, const GpuState& gpu) const;
  RejectReason share_reason(std::uint32_t ordinal, const Node& node, const GpuState& gpu, ModeKind mode);
  RejectReason join_reason(const ModeIndex::Shared& gpu, ModeKind mode) const {
    if (rules_.guard != ModeGuard::none && gpu.free_memory_mib < demand_->memory_mib) {
      return RejectReason::insufficient_gpu_memory;
    }
    const bool crosses = mode == ModeKind::mps && rules_.respects_trust && gpu.trust_domain != demand_->trust_domain;
    return crosses ? RejectReason::trust_domain_mismatch : RejectReason::none;
  }
  /// The job's own predicted slowdown beside the tenants, or 0 where somebody would be slowed too much.
  double slowdown_beside(std::uint32_t ordinal, ModeKind mode);
  double slowdown_beside(const ModeIndex::Shared& gpu, std::span<const RequestClassId> tenants, ModeKind mode);
  /// A quick no, by the means of the loads alone.
  bool is_surely_too_slow(const ModeIndex::Shared& gpu, ModeKind mode) const;
  double predict(const ModeDemand& tenant, const PartitionLoad& others, ModeKind mode) const;
  bool residents_tolerate(const PartitionLoad& sum, std::span<const RequestClassId> tenants, ModeKind mode);
  void count_shared(ModeSet modes, std::uint32_t begin, std::uint32_t end);
  std::uint32_t end_of_pool(const ModePool& pool, std::uint32_t begin) const;
  double shared_value_lost(const ModeIndex::Shared& gpu, ModeKind mode, bool opens) const;
  std::int64_t cost_of(ModeKind mode, double value_lost, double slowdown, double setup_s) const;
  bool opens_alone(ModeKind mode, double& slowdown) const;
  std::vector<LayoutPart> layout_of(std::uint32_t ordinal) const;

  const ModeRules& rules_;
  RequestFilter& filter_;
  ModeDemands demands_;
  ModeIndex index_;
  ClusterState* state_ = nullptr;  // of the search that runs
  RequestClassId request_;
  const ModeDemand* demand_ = nullptr;
  const std::vector<char>* in_scope_ = nullptr;
  std::uint32_t but_ = IndexBitset::none;
  bool checks_nodes_ = false;
  bool lacked_host_ = false;
  std::array<ModeCandidate, mode_kind_count> best_{};
  RejectCounts reasons_{};
};

}  // namespace gpusched
