#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// What the mean of a metric over seeds has to be.
struct PlanTarget {
  enum class Relation : std::uint8_t { less, at_most, greater, at_least };

  std::size_t metric = 0;  ///< index into the values of a run
  Relation relation = Relation::at_most;
  double bound = 0;

  bool upper() const { return relation == Relation::less || relation == Relation::at_most; }
  bool holds(double mean) const;
};

/// Candidates that differ in size alone, of one policy on nodes of one shape. Assumed: in expectation, a larger one
/// meets every target that a smaller one meets. Sizes lie in 1 <= least <= most, their cost grows with them.
struct PlanKind {
  std::string name;
  std::int64_t least = 1;
  std::int64_t most = 1;
  double cost_per_size = 1;  ///< > 0
};

struct PlanCandidate {
  std::size_t kind = 0;
  std::int64_t size = 0;

  friend auto operator<=>(const PlanCandidate&, const PlanCandidate&) = default;
};

struct PlanOptions {
  double confidence = 0.95;  ///< 0.5 to 0.9999
  std::uint64_t first_seed = 42;
  int most_seeds = 100;    ///< per candidate, >= 2
  int frontier_seeds = 8;  ///< what candidates that ran at half to twice the cost of the answer get at least
  int threads = 1;
};

/// Metric values of one run. Called from several threads; every candidate sees the same seeds. All runs return equally
/// many values, at least up to the metrics of the targets.
using PlanEvaluation = std::function<Result<std::vector<double>>(const PlanCandidate&, std::uint64_t seed)>;

/// Told how many runs have ended, and what is tried now.
using PlanProgress = std::function<void(std::int64_t runs, const PlanCandidate& now)>;

/// What is known of a candidate that ran.
struct PlannedCandidate {
  PlanCandidate candidate;
  double cost = 0;
  std::vector<std::vector<double>> runs;  ///< metric values by seed: first_seed, first_seed + 1, ...
  std::vector<double> mean;               ///< by metric
  std::vector<double> half_width;         ///< of the interval at the asked confidence; 0 for a single run
  bool meets = false;                     ///< as decided, or as the means say
  bool decided = false;                   ///< by the sequential test
  double doubt = 1;                       ///< chance of error of `meets`, looks paid for; 1 before the first look
};

/// What became of a kind.
struct PlannedKind {
  std::int64_t size = 0;     ///< the smallest that meets the targets, by what is known; most + 1: none
  std::int64_t lowest = 0;   ///< the true smallest is not below, with the asked confidence
  std::int64_t highest = 0;  ///< and not above; most + 1: perhaps none
  bool settled = false;      ///< lowest == highest
  bool excluded = false;     ///< not cheaper than the answer, with the asked confidence
};

struct PlanResult {
  std::optional<std::size_t> best;            ///< kind of the answer; none: no candidate meets the targets
  bool settled = false;                       ///< size and kind, with the asked confidence
  double doubt = 1;                           ///< where settled: sum of the doubts of all claims it rests on
  std::vector<PlannedKind> kinds;             ///< as given
  std::vector<PlannedCandidate> candidates;   ///< all that ran, by kind and size
  std::vector<PlanCandidate> contradictions;  ///< neighbours of the answer whose means are against monotonicity
  std::int64_t runs = 0;

  const PlannedCandidate* find(const PlanCandidate& candidate) const;
};

/// The cheapest candidate that meets all targets (docs/plan.md). Deterministic: same evaluation and options, whatever
/// the number of threads. The first error of an evaluation, in order of candidates and seeds, ends it.
Result<PlanResult> plan(const std::vector<PlanKind>& kinds, const std::vector<PlanTarget>& targets,
                        const PlanOptions& options, const PlanEvaluation& evaluate, const PlanProgress& progress = {});

}  // namespace gpusched::sim
