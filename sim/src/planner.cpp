#include "gpusched/sim/planner.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "gpusched/base/check.hpp"
#include "gpusched/sim/student_t.hpp"

#include "run_batch.hpp"

namespace gpusched::sim {

namespace {

constexpr int scout_seeds = 2;  // enough to land near the boundary; the looks below correct it
constexpr int first_look_seeds = 8;

/// Each look at the data has half as many seeds again as the one before: few looks to pay for, few runs too many.
int seeds_of_look(int look, int most) {
  int seeds = first_look_seeds;
  for (int i = 1; i < look && seeds < most; ++i) {
    seeds += seeds / 2;
  }
  return std::min(seeds, most);
}

double mean_of(const std::vector<std::vector<double>>& runs, std::size_t metric) {
  double sum = 0;
  for (const std::vector<double>& run : runs) {
    sum += run[metric];
  }
  return sum / static_cast<double>(runs.size());
}

/// Of the mean; 0 for a single run.
double standard_error(const std::vector<std::vector<double>>& runs, std::size_t metric, double mean) {
  const auto n = static_cast<double>(runs.size());
  double squares = 0;
  for (const std::vector<double>& run : runs) {
    squares += (run[metric] - mean) * (run[metric] - mean);
  }
  return n > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
}

double worst_of(const std::vector<std::vector<double>>& runs, const PlanTarget& target) {
  double worst = runs.front()[target.metric];
  for (const std::vector<double>& run : runs) {
    worst = target.upper() ? std::max(worst, run[target.metric]) : std::min(worst, run[target.metric]);
  }
  return worst;
}

/// Chance to see such runs if the expectation were on the other side of the bound, by Student's t.
double doubt_of(const std::vector<std::vector<double>>& runs, const PlanTarget& target, bool holds) {
  const auto n = static_cast<int>(runs.size());
  const double mean = mean_of(runs, target.metric);
  const double error = standard_error(runs, target.metric, mean);
  const double inside = target.upper() ? target.bound - mean : mean - target.bound;
  double doubt = target.holds(mean) == holds ? 0 : 1;
  if (error > 0) {
    doubt = student_t_upper_tail((holds ? inside : -inside) / error, n - 1);
  }
  // No more certain than a sign test: a few runs that are all alike say little.
  return std::max(doubt, std::ldexp(1.0, -n));
}

/// Chance not to have seen any of the rare bad days that would break a target that seems to hold: as bad as the worst
/// one of a smaller cluster that was seen on more days, and as many as it takes to move the mean to the bound. Waits
/// are mostly 0 and seldom hours; Student's t knows nothing of days that did not occur.
double rare_day_doubt(const std::vector<std::vector<double>>& runs, const PlanTarget& target, double worst) {
  const double mean = mean_of(runs, target.metric);
  if (target.holds(worst)) {
    return 0;
  }
  const double share = (target.bound - mean) / (worst - mean);
  return std::pow(1 - std::clamp(share, 0.0, 1.0), static_cast<double>(runs.size()));
}

class Planner {
 public:
  Planner(const std::vector<PlanKind>& kinds, const std::vector<PlanTarget>& targets, const PlanOptions& options,
          const PlanEvaluation& evaluate, const PlanProgress& progress)
      : kinds_(kinds), targets_(targets), options_(options), evaluate_(evaluate), progress_(progress) {
    result_.kinds.resize(kinds.size());
  }

  Result<PlanResult> answer();

 private:
  struct Entry {
    std::vector<std::vector<double>> runs;
    bool meets = false, decided = false;
    double doubt = 1;
    int look = 0;  ///< the last one taken
  };

  double cost(const PlanCandidate& c) const { return kinds_[c.kind].cost_per_size * static_cast<double>(c.size); }
  bool meets(std::size_t kind, std::int64_t size) const { return entries_.at({kind, size}).meets; }
  bool decided(std::size_t kind, std::int64_t size) const { return entries_.at({kind, size}).decided; }
  double allowed_doubt() const { return (1 - options_.confidence) / (2.0 * static_cast<double>(kinds_.size())); }

  Status run(const std::vector<PlanCandidate>& candidates, int seeds);
  void update(const PlanCandidate& candidate, int look);
  double doubt(const PlanCandidate& candidate, const Entry& entry) const;
  const Entry* most_seen_below(const PlanCandidate& candidate) const;
  Status probe(std::size_t kind, std::int64_t size, int look);
  Status decide(std::size_t kind, std::int64_t size);
  Status narrow(std::size_t kind, std::int64_t most, std::int64_t& size, std::int64_t step, int look);
  bool settled(std::size_t kind, std::int64_t size, std::int64_t most) const;
  Status settle(std::size_t kind, std::int64_t most);
  Status enclose(std::size_t kind, std::int64_t size);
  Status consider(std::size_t kind);
  std::int64_t most_cheaper(std::size_t kind) const;
  Status check_neighbours();
  Status fill_frontier();
  void conclude();
  void list_candidates();

  const std::vector<PlanKind>& kinds_;
  const std::vector<PlanTarget>& targets_;
  const PlanOptions& options_;
  const PlanEvaluation& evaluate_;
  const PlanProgress& progress_;
  std::map<PlanCandidate, Entry> entries_;
  PlanResult result_;
};

/// Brings every candidate that is not decided to at least so many seeds, all missing runs at once.
Status Planner::run(const std::vector<PlanCandidate>& candidates, int seeds) {
  std::vector<std::pair<PlanCandidate, std::size_t>> missing;
  for (const PlanCandidate& candidate : candidates) {
    update(candidate, 0);
    const Entry& entry = entries_[candidate];
    for (std::size_t i = entry.runs.size(); !entry.decided && i < static_cast<std::size_t>(seeds); ++i) {
      missing.emplace_back(candidate, i);
    }
  }
  std::vector<std::optional<Result<std::vector<double>>>> values(missing.size());
  run_batch(
      missing.size(), options_.threads,
      [&](std::size_t i) { values[i] = evaluate_(missing[i].first, options_.first_seed + missing[i].second); },
      [&](std::int64_t done, std::int64_t) {
        if (progress_) {
          progress_(result_.runs + done, missing.front().first);
        }
      });
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (!*values[i]) {
      return values[i]->error();
    }
    entries_[missing[i].first].runs.push_back(std::move(*values[i]).value());
  }
  result_.runs += static_cast<std::int64_t>(missing.size());
  for (const PlanCandidate& candidate : candidates) {
    update(candidate, 0);
  }
  return {};
}

/// What the runs say; a look above 0 is one more look to pay for. What was decided may become open again when a
/// smaller size shows worse days than were known.
void Planner::update(const PlanCandidate& candidate, int look) {
  Entry& entry = entries_[candidate];
  if (entry.runs.empty()) {
    return;
  }
  entry.look = std::max(entry.look, look);
  entry.meets = std::all_of(targets_.begin(), targets_.end(),
                            [&](const PlanTarget& t) { return t.holds(mean_of(entry.runs, t.metric)); });
  if (entry.look > 0) {
    // Look k may use 1/(k (k + 1)) of the doubt allowed, which sums to 1.
    entry.doubt = std::min(1.0, doubt(candidate, entry) * entry.look * (entry.look + 1));
    entry.decided = entry.doubt <= allowed_doubt();
  }
}

/// To meet, all targets must hold: the weakest counts. To fail, one suffices, but it was picked from several.
double Planner::doubt(const PlanCandidate& candidate, const Entry& entry) const {
  const Entry* const smaller = entry.meets ? most_seen_below(candidate) : nullptr;
  double result = entry.meets ? 0 : 1;
  for (const PlanTarget& target : targets_) {
    const double one = doubt_of(entry.runs, target, entry.meets);
    if (!entry.meets) {
      result = std::min(result, static_cast<double>(targets_.size()) * one);
    } else {
      const double worst = worst_of(smaller != nullptr ? smaller->runs : entry.runs, target);
      result = std::max({result, one, rare_day_doubt(entry.runs, target, worst)});
    }
  }
  return result;
}

/// The smaller size that was seen on most days, the nearest of several; nullptr: none ran.
const Planner::Entry* Planner::most_seen_below(const PlanCandidate& candidate) const {
  const Entry* most = nullptr;
  auto at = entries_.lower_bound(candidate);
  while (at != entries_.begin() && std::prev(at)->first.kind == candidate.kind) {
    --at;
    if (at->second.runs.size() > (most != nullptr ? most->runs.size() : 0)) {
      most = &at->second;
    }
  }
  return most;
}

/// Look 0 only scouts.
Status Planner::probe(std::size_t kind, std::int64_t size, int look) {
  const int seeds = look == 0 ? std::min(scout_seeds, options_.most_seeds) : seeds_of_look(look, options_.most_seeds);
  if (Status done = run({{kind, size}}, seeds); !done) {
    return done;
  }
  update({kind, size}, look);
  return {};
}

/// More seeds until the candidate is decided, or none are left.
Status Planner::decide(std::size_t kind, std::int64_t size) {
  for (int look = 1;; ++look) {
    if (Status done = probe(kind, size, look); !done) {
      return done;
    }
    if (decided(kind, size) || seeds_of_look(look, options_.most_seeds) == options_.most_seeds) {
      return {};
    }
  }
}

/// From a guess to the smallest size up to `most` that meets the targets by what this look tells; most + 1: none. Steps
/// double until the boundary lies between two sizes, then the gap is halved.
Status Planner::narrow(std::size_t kind, std::int64_t most, std::int64_t& size, std::int64_t step, int look) {
  std::int64_t fails = kinds_[kind].least - 1, holds = most + 1;
  size = std::clamp(size, fails + 1, most);
  while (holds - fails > 1) {
    if (Status done = probe(kind, size, look); !done) {
      return done;
    }
    (meets(kind, size) ? holds : fails) = size;
    if (holds > most) {
      size = std::min(holds - 1, size + step);
    } else if (fails < kinds_[kind].least) {
      size = std::max(fails + 1, size - step);
    } else {
      size = fails + (holds - fails) / 2;
    }
    step *= 2;
  }
  size = holds;
  return {};
}

/// True where the size meets the targets and the next smaller one does not, both decided or outside of the range.
bool Planner::settled(std::size_t kind, std::int64_t size, std::int64_t most) const {
  const bool upper = size > most || decided(kind, size);
  const bool lower = size == kinds_[kind].least || decided(kind, size - 1);
  return upper && lower;
}

/// Seeds for both sides of the boundary, which may move meanwhile, until it is settled or no seeds are left.
Status Planner::settle(std::size_t kind, std::int64_t most) {
  std::int64_t& size = result_.kinds[kind].size;
  for (int look = 1;; ++look) {
    const int seeds = seeds_of_look(look, options_.most_seeds);
    std::vector<PlanCandidate> both;
    for (const std::int64_t side : {size - 1, size}) {
      if (side >= kinds_[kind].least && side <= most) {
        both.push_back({kind, side});
      }
    }
    if (Status done = run(both, seeds); !done) {
      return done;
    }
    if (Status done = narrow(kind, most, size, 1, look); !done) {
      return done;
    }
    if (settled(kind, size, most)) {
      return {};
    }
    if (seeds == options_.most_seeds) {
      return size > most ? Status{} : enclose(kind, size);
    }
  }
}

/// The boundary is not settled: looks for the nearest sizes on both sides that are.
Status Planner::enclose(std::size_t kind, std::int64_t size) {
  for (const std::int64_t direction : {std::int64_t{1}, std::int64_t{-1}}) {
    const std::int64_t start = direction > 0 ? size : size - 1;
    for (std::int64_t away = 0;; away = away == 0 ? 2 : 2 * away) {
      const std::int64_t at = start + direction * away;
      if (at < kinds_[kind].least || at > kinds_[kind].most) {
        break;
      }
      if (Status done = decide(kind, at); !done) {
        return done;
      }
      if (decided(kind, at) && meets(kind, at) == (direction > 0)) {
        break;
      }
    }
  }
  return {};
}

/// The largest size of the kind that costs less than the best answer so far; least - 1: none.
std::int64_t Planner::most_cheaper(std::size_t kind) const {
  std::int64_t most = kinds_[kind].most;
  if (result_.best) {
    const double bound = cost({*result_.best, result_.kinds[*result_.best].size});
    most = std::min(most, static_cast<std::int64_t>(std::ceil(bound / kinds_[kind].cost_per_size)));
    while (most >= kinds_[kind].least && cost({kind, most}) >= bound) {
      --most;
    }
  }
  return std::max(most, kinds_[kind].least - 1);
}

/// A kind counts only where it is cheaper than the best: what costs more than that is not looked at.
Status Planner::consider(std::size_t kind) {
  const std::int64_t most = most_cheaper(kind);
  if (most < kinds_[kind].least) {
    return {};
  }
  std::int64_t& size = result_.kinds[kind].size;
  const std::int64_t scouted = size;
  size = std::min(size, most + 1);
  if (Status done = settle(kind, most); !done) {
    return done;
  }
  if (size <= most) {
    result_.best = kind;
  } else {
    size = std::max(scouted, size);
  }
  return {};
}

/// Monotonicity is assumed; the means next to the boundary must not speak against it.
Status Planner::check_neighbours() {
  const std::size_t kind = *result_.best;
  const std::int64_t size = result_.kinds[kind].size;
  for (const auto& [side, expected] : {std::pair{size - 2, false}, std::pair{size + 1, true}}) {
    if (side < kinds_[kind].least || side > kinds_[kind].most) {
      continue;
    }
    if (Status done = run({{kind, side}}, seeds_of_look(1, options_.most_seeds)); !done) {
      return done;
    }
    if (meets(kind, side) != expected) {
      result_.contradictions.push_back({kind, side});
    }
  }
  return {};
}

Status Planner::fill_frontier() {
  const double answer = cost({*result_.best, result_.kinds[*result_.best].size});
  std::vector<PlanCandidate> candidates;
  for (const auto& [candidate, entry] : entries_) {
    if (2 * cost(candidate) >= answer && cost(candidate) <= 2 * answer) {
      candidates.push_back(candidate);
    }
  }
  return run(candidates, std::min(options_.frontier_seeds, options_.most_seeds));
}

/// Fills in what the runs prove of each kind, and of the answer.
void Planner::conclude() {
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    result_.kinds[k].lowest = kinds_[k].least;
    result_.kinds[k].highest = kinds_[k].most + 1;
  }
  for (const auto& [candidate, entry] : entries_) {
    update(candidate, 0);  // by all that is known of its neighbours now
    PlannedKind& kind = result_.kinds[candidate.kind];
    if (entry.decided && entry.meets) {
      kind.highest = std::min(kind.highest, candidate.size);
    } else if (entry.decided) {
      kind.lowest = std::max(kind.lowest, candidate.size + 1);
    }
  }
  result_.settled = true;
  double doubt = 0;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    PlannedKind& kind = result_.kinds[k];
    if (kind.lowest > kind.highest) {
      std::swap(kind.lowest, kind.highest);  // decided against monotonicity: the truth may be anywhere between
    }
    kind.settled = kind.lowest == kind.highest;
    kind.excluded = kind.lowest > most_cheaper(k) && k != result_.best;
    result_.settled = result_.settled && (k == result_.best ? kind.settled : kind.excluded);
    for (const std::int64_t side : {kind.lowest - 1, kind.highest}) {
      const auto found = entries_.find({k, side});
      if (found != entries_.end() && found->second.decided && (k == result_.best || side == kind.lowest - 1)) {
        doubt = std::max(doubt, found->second.doubt);
      }
    }
  }
  // The level that would have given the same answer: each of two claims per kind may use an equal part.
  result_.doubt = std::min(1.0, 2 * static_cast<double>(kinds_.size()) * doubt);
}

/// All that ran, with their means.
void Planner::list_candidates() {
  for (const auto& [candidate, entry] : entries_) {
    PlannedCandidate planned{.candidate = candidate,
                             .cost = cost(candidate),
                             .runs = entry.runs,
                             .mean = {},
                             .half_width = {},
                             .meets = entry.meets,
                             .decided = entry.decided,
                             .doubt = entry.doubt};
    const auto degrees = static_cast<int>(entry.runs.size()) - 1;
    const double t = degrees > 0 ? student_t_two_sided(options_.confidence, degrees) : 0;
    for (std::size_t metric = 0; metric < entry.runs.front().size(); ++metric) {
      planned.mean.push_back(mean_of(entry.runs, metric));
      planned.half_width.push_back(t * standard_error(entry.runs, metric, planned.mean.back()));
    }
    result_.candidates.push_back(std::move(planned));
  }
}

Result<PlanResult> Planner::answer() {
  std::vector<std::size_t> order(kinds_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const std::size_t k : order) {
    std::int64_t& size = result_.kinds[k].size;
    size = kinds_[k].least + (kinds_[k].most - kinds_[k].least) / 2;
    const std::int64_t step = std::max<std::int64_t>(1, (kinds_[k].most - kinds_[k].least + 1) / 4);
    if (Status done = narrow(k, kinds_[k].most, size, step, 0); !done) {
      return done.error();
    }
  }
  // The cheapest by its scouts first: what it costs, once settled, excludes most of the others quickly.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto rank = [&](std::size_t k) {
      return std::pair(result_.kinds[k].size > kinds_[k].most, cost({k, result_.kinds[k].size}));
    };
    return rank(a) < rank(b);
  });
  for (const std::size_t k : order) {
    if (Status done = consider(k); !done) {
      return done.error();
    }
  }
  if (result_.best) {
    if (Status done = check_neighbours(); !done) {
      return done.error();
    }
    if (Status done = fill_frontier(); !done) {
      return done.error();
    }
  }
  conclude();
  list_candidates();
  return std::move(result_);
}

}  // namespace

bool PlanTarget::holds(double mean) const {
  switch (relation) {
    case Relation::less:
      return mean < bound;
    case Relation::at_most:
      return mean <= bound;
    case Relation::greater:
      return mean > bound;
    case Relation::at_least:
      return mean >= bound;
  }
  return false;
}

const PlannedCandidate* PlanResult::find(const PlanCandidate& candidate) const {
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const PlannedCandidate& c) { return c.candidate == candidate; });
  return found == candidates.end() ? nullptr : &*found;
}

Result<PlanResult> plan(const std::vector<PlanKind>& kinds, const std::vector<PlanTarget>& targets,
                        const PlanOptions& options, const PlanEvaluation& evaluate, const PlanProgress& progress) {
  GPUSCHED_CHECK(!kinds.empty() && !targets.empty() && options.most_seeds >= 2,
                 "a plan needs kinds, targets and two seeds");
  return Planner(kinds, targets, options, evaluate, progress).answer();
}

}  // namespace gpusched::sim
