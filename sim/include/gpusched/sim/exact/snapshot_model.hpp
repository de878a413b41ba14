#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/exact/linear_program.hpp"
#include "gpusched/sim/exact/snapshot.hpp"
#include "gpusched/sim/exact/solver.hpp"

namespace gpusched::sim {

/// The integer program of a snapshot: its optimum is the cheapest plan, by jobs and GPUs counted in classes.
/// Variables and rows: docs/models/exact.md.
class SnapshotModel {
 public:
  /// Ways to fill a shared GPU that are listed per node and way of sharing; where there are more, every vacant GPU is
  /// looked at alone: the same optimum, later.
  static constexpr std::size_t patterns_by_default = 500;

  /// The errors of check_snapshot(). The snapshot must outlive the model.
  static Result<SnapshotModel> build(const Snapshot& snapshot, std::size_t most_patterns = patterns_by_default);
  SnapshotModel(SnapshotModel&&) noexcept;
  SnapshotModel& operator=(SnapshotModel&&) noexcept;
  ~SnapshotModel();

  const LinearProgram& program() const;

  /// A plan that does what the values say: a place for every job. Contract: the values keep every row.
  /// check_plan() accepts it, at a cost not above that of the values.
  SnapshotPlan plan_of(std::span<const std::int64_t> values) const;

 private:
  struct Parts;
  explicit SnapshotModel(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

/// The cheapest plan as far as it was found and proved.
struct SnapshotOptimum {
  SolverStatus status = SolverStatus::limit;  ///< optimal, or limit
  std::string solver{};
  double wall_s = 0;
  std::size_t variables = 0, rows = 0;
  std::optional<SnapshotPlan> plan{};  ///< checked; nullopt: none found in time
  SnapshotCost cost{};                 ///< of the plan
  std::int64_t bound_milli = 0;        ///< no plan costs less, says the solver; the cost where optimal
};

/// Builds, solves, reads back and checks. The errors of build(), solve() and check_plan().
Result<SnapshotOptimum> solve_snapshot(const Snapshot& snapshot, const SolverOptions& options);

}  // namespace gpusched::sim
