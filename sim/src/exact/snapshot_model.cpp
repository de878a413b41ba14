#include "gpusched/sim/exact/snapshot_model.hpp"

#include <utility>

#include "exact/snapshot_variables.hpp"

namespace gpusched::sim {

struct SnapshotModel::Parts {
  const Snapshot& snapshot;
  SnapshotGroups groups;
  SnapshotProgram program;
};

SnapshotModel::SnapshotModel(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SnapshotModel::SnapshotModel(SnapshotModel&&) noexcept = default;
SnapshotModel& SnapshotModel::operator=(SnapshotModel&&) noexcept = default;
SnapshotModel::~SnapshotModel() = default;

Result<SnapshotModel> SnapshotModel::build(const Snapshot& snapshot, std::size_t most_patterns) {
  if (Status good = check_snapshot(snapshot); !good) {
    return good.error();
  }
  SnapshotGroups groups = group_snapshot(snapshot);
  SnapshotProgram program = make_snapshot_program(snapshot, groups, most_patterns);
  return SnapshotModel(std::make_unique<Parts>(Parts{snapshot, std::move(groups), std::move(program)}));
}

const LinearProgram& SnapshotModel::program() const { return parts_->program.program; }

SnapshotPlan SnapshotModel::plan_of(std::span<const std::int64_t> values) const {
  return read_snapshot_plan(parts_->snapshot, parts_->groups, parts_->program, values);
}

Result<SnapshotOptimum> solve_snapshot(const Snapshot& snapshot, const SolverOptions& options) {
  const Result<SnapshotModel> model = SnapshotModel::build(snapshot);
  if (!model) {
    return model.error();
  }
  const Result<SolverAnswer> answer = solve(model.value().program(), options);
  if (!answer) {
    return answer.error();
  }
  const auto wrong = [&](const std::string& what) {
    return Error{.code = ErrorCode::data_loss,
                 .message = answer.value().solver + ": " + what,
                 .file = {},
                 .line = 0,
                 .remedy = "Try another solver, or write the program with --lp and report it"};
  };
  if (answer.value().status == SolverStatus::infeasible || answer.value().status == SolverStatus::unbounded) {
    // Rejecting everybody but the residents is always possible, and no cost is negative.
    return wrong(std::string("it says that the program is ") + to_string(answer.value().status));
  }
  SnapshotOptimum optimum{.status = answer.value().status,
                          .solver = answer.value().solver,
                          .wall_s = answer.value().wall_s,
                          .variables = model.value().program().variables.size(),
                          .rows = model.value().program().rows.size(),
                          .bound_milli = answer.value().bound.value_or(0)};
  if (!answer.value().values.empty() || model.value().program().variables.empty()) {
    optimum.plan = model.value().plan_of(answer.value().values);
    const Result<SnapshotCost> cost = check_plan(snapshot, *optimum.plan);
    GPUSCHED_CHECK(cost.ok(), "the plan of checked values does not hold: " + cost.error().message);
    GPUSCHED_CHECK(cost.value().total_milli() <= answer.value().cost, "the plan costs more than its values");
    optimum.cost = cost.value();
    if (optimum.cost.total_milli() < optimum.bound_milli) {
      return wrong("a plan costs " + std::to_string(optimum.cost.total_milli()) + ", less than its bound of " +
                   std::to_string(optimum.bound_milli));
    }
  }
  return optimum;
}

}  // namespace gpusched::sim
