#include "gpusched/sim/exact/exact_comparison.hpp"

namespace gpusched::sim {

namespace {

/// With nobody moved: what policies, which move nobody, can reach.
Snapshot all_pinned(Snapshot snapshot) {
  for (SnapshotJob& job : snapshot.jobs) {
    if (job.residence) {
      job.residence->pinned = true;
    }
  }
  return snapshot;
}

}  // namespace

Result<ExactComparison> compare_with_optimum(const Snapshot& snapshot, std::span<const NamedPolicy> policies,
                                             SnapshotOrder order, std::uint64_t seed, const SolverOptions& solver) {
  if (Status good = check_snapshot(snapshot); !good) {
    return good.error();
  }
  const Result<SnapshotOptimum> optimum = solve_snapshot(snapshot, solver);
  const Result<SnapshotOptimum> without_moves = optimum ? solve_snapshot(all_pinned(snapshot), solver) : optimum;
  if (!without_moves) {
    return without_moves.error();
  }
  ExactComparison comparison{.nodes = snapshot.nodes.size(),
                             .jobs = snapshot.jobs.size(),
                             .optimum = optimum.value(),
                             .without_moves = without_moves.value(),
                             .policies = {}};
  for (const SnapshotNode& node : snapshot.nodes) {
    comparison.gpus += node.spec.gpus.size();
  }
  for (const SnapshotJob& job : snapshot.jobs) {
    comparison.residents += job.residence ? 1 : 0;
  }
  for (const NamedPolicy& policy : policies) {
    const Result<SnapshotPlan> plan = plan_by_policy(snapshot, policy.choice, order, seed);
    const Result<SnapshotCost> cost = plan ? check_plan(snapshot, plan.value()) : Result<SnapshotCost>(plan.error());
    if (!cost) {
      return cost.error();
    }
    comparison.policies.push_back({policy.name, cost.value()});
  }
  return comparison;
}

Result<AcceptanceComparison> compare_with_bound(const Trace& trace, SimulationOptions options,
                                                std::span<const NamedPolicy> policies, const SolverOptions& solver) {
  options.queue = QueueDiscipline::reject;
  options.preemption = false;
  AcceptanceComparison comparison;
  for (const AcceptanceWeight weight : {AcceptanceWeight::count, AcceptanceWeight::size}) {
    const Result<AcceptanceProblem> problem = acceptance_problem(trace, weight, options.warmup_fraction);
    if (!problem) {
      return problem.error();
    }
    const Result<AcceptanceBound> bound = bound_acceptance(problem.value(), solver);
    if (!bound) {
      return bound.error();
    }
    const bool by_count = weight == AcceptanceWeight::count;
    (by_count ? comparison.by_count : comparison.by_size) = bound.value();
    (by_count ? comparison.offered_count : comparison.offered_size) = problem.value().offered_weight();
    comparison.arrivals = problem.value().arrivals.size();
    comparison.gpus = problem.value().gpus;
  }
  for (const NamedPolicy& policy : policies) {
    options.policy = policy.choice;
    const Result<SimulationResult> result = simulate(trace, options);
    if (!result) {
      return result.error();
    }
    const Summary& summary = result.value().summary;
    comparison.policies.push_back({policy.name, summary.acceptance, summary.acceptance_by_size});
  }
  return comparison;
}

}  // namespace gpusched::sim
