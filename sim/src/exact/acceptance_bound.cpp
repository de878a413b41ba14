#include "gpusched/sim/exact/acceptance_bound.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "gpusched/base/check.hpp"

namespace gpusched::sim {

namespace {

constexpr std::size_t most_solves = 60;
constexpr double row_tolerance = 1e-6;    // of the capacity: by so much a row may be broken
constexpr double bound_slack = 1e-9;      // of the bound: what sums of doubles may have lost
constexpr double least_remainder = 1e-6;  // below it a bound counts as the whole number beneath

/// A resource of a GPU: what an instance takes of it, by shape, and what a GPU has (docs/models/mig-packing.md).
struct Resource {
  const char* name;
  MigCounts takes;  // 1g, 1g double memory, 2g, 3g, 4g, 7g
  std::int64_t has;
};
constexpr std::array<Resource, 5> resources = {{{"left", {0, 0, 0, 0, 1, 1}, 1},
                                                {"inner", {0, 0, 1, 1, 2, 3}, 3},
                                                {"pairs", {0, 1, 1, 2, 2, 4}, 4},
                                                {"slices", {1, 1, 2, 3, 4, 7}, 7},
                                                {"units", {1, 2, 2, 4, 4, 8}, 8}}};

std::int64_t taken(const Resource& resource, const AcceptanceArrival& arrival) {
  return std::inner_product(arrival.instances.begin(), arrival.instances.end(), resource.takes.begin(),
                            std::int64_t{0});
}

/// A row of the program: a resource at the moment after an arrival.
struct CapacityRow {
  std::size_t resource = 0;
  std::size_t moment = 0;  // index of the arrival
};

/// Grows the program until no row is violated.
class RowGenerator {
 public:
  RowGenerator(const AcceptanceProblem& problem, const SolverOptions& options) : problem_(problem), options_(options) {
    for (std::size_t i = 0; i < problem.arrivals.size(); ++i) {
      const AcceptanceArrival& arrival = problem.arrivals[i];
      GPUSCHED_CHECK(i == 0 || arrival.begin_ns >= problem.arrivals[i - 1].begin_ns, "arrivals in order of time");
      accepted_.push_back(arrival.possible ? 1.0 : 0.0);
      program_.add({.name = "a_" + std::to_string(i),
                    .cost = -arrival.weight,
                    .upper = arrival.possible ? 1 : 0,
                    .integer = false});
    }
    program_.comments = {"Which arrivals are taken: a_N the N-th one, counted from 0",
                         "RESOURCE_N: what jobs hold right after arrival N; docs/models/exact.md"};
    find_peaks();
  }

  Result<AcceptanceBound> run() {
    AcceptanceBound bound{.most_weight = possible_weight()};
    double left_s = options_.time_limit_s;
    while (add_violated_rows()) {
      if (bound.solves == most_solves || left_s <= 0) {
        return bound;
      }
      SolverOptions options = options_;
      options.time_limit_s = left_s;
      const Result<SolverAnswer> answer = solve(program_, options);
      if (!answer) {
        return answer.error();
      }
      ++bound.solves;
      bound.rows = program_.rows.size();
      bound.solver = answer.value().solver;
      bound.wall_s += answer.value().wall_s;
      left_s -= answer.value().wall_s;
      if (answer.value().status != SolverStatus::optimal || answer.value().continuous_values.empty()) {
        return bound;  // out of time: what the programs before gave
      }
      accepted_ = answer.value().continuous_values;
      bound.most_weight = std::min(bound.most_weight, weight_by_duals(answer.value().duals));
    }
    bound.all_rows_hold = true;
    return bound;
  }

 private:
  /// After these arrivals somebody leaves before anybody comes: at other moments nobody holds what is not held at one
  /// of them.
  void find_peaks() {
    const auto& arrivals = problem_.arrivals;
    std::vector<TimeNs> ends;
    for (const AcceptanceArrival& arrival : arrivals) {
      ends.push_back(arrival.end_ns);
    }
    std::sort(ends.begin(), ends.end());
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      const TimeNs next_ns = i + 1 < arrivals.size() ? arrivals[i + 1].begin_ns : std::numeric_limits<TimeNs>::max();
      const auto end = std::upper_bound(ends.begin(), ends.end(), arrivals[i].begin_ns);
      if (i + 1 == arrivals.size() || (end != ends.end() && *end <= next_ns)) {
        peaks_.push_back(i);
      }
    }
  }

  template <typename Visit>
  void for_each_present(std::size_t moment, const Visit& visit) const {
    const TimeNs now_ns = problem_.arrivals[moment].begin_ns;
    for (std::size_t i = 0; i <= moment; ++i) {
      if (problem_.arrivals[i].end_ns > now_ns) {
        visit(i);
      }
    }
  }

  /// What the accepted fractions hold of a resource at each peak.
  std::vector<double> loads(const Resource& resource) const {
    std::vector<double> by_peak;
    for (const std::size_t moment : peaks_) {
      double load = 0;
      for_each_present(moment, [&](std::size_t i) {
        load += accepted_[i] * static_cast<double>(taken(resource, problem_.arrivals[i]));
      });
      by_peak.push_back(load);
    }
    return by_peak;
  }

  /// Adds the rows that are violated more than at the peaks before and after; false where none is.
  bool add_violated_rows() {
    bool added = false;
    for (std::size_t r = 0; r < resources.size(); ++r) {
      const auto capacity = static_cast<double>(resources[r].has * problem_.gpus);
      const std::vector<double> load = loads(resources[r]);
      for (std::size_t p = 0; p < load.size(); ++p) {
        const bool rises = p == 0 || load[p] > load[p - 1];
        const bool falls = p + 1 == load.size() || load[p] >= load[p + 1];
        if (rises && falls && load[p] > capacity + row_tolerance * std::max(capacity, 1.0)) {
          added |= add_row({r, peaks_[p]});
        }
      }
    }
    return added;
  }

  bool add_row(CapacityRow at) {
    const Resource& resource = resources[at.resource];
    LinearProgram::Row row{.name = resource.name + ("_" + std::to_string(at.moment)),
                           .right_side = resource.has * problem_.gpus};
    if (!rows_.try_emplace({at.resource, at.moment}, program_.rows.size()).second) {
      return false;  // there already, and kept as well as the solver can
    }
    for_each_present(at.moment, [&](std::size_t i) {
      if (const std::int64_t takes = taken(resource, problem_.arrivals[i]);
          takes > 0 && problem_.arrivals[i].possible) {
        row.terms.push_back({static_cast<std::uint32_t>(i), takes});
      }
    });
    program_.rows.push_back(std::move(row));
    return true;
  }

  std::int64_t possible_weight() const {
    std::int64_t sum = 0;
    for (const AcceptanceArrival& arrival : problem_.arrivals) {
      sum += arrival.possible ? arrival.weight : 0;
    }
    return sum;
  }

  /// Weak duality: for any prices y >= 0 of the rows, what is taken is worth at most the rows' right sides at these
  /// prices and what each arrival is worth beyond what it pays. So the bound holds however far the solver is off.
  std::int64_t weight_by_duals(const std::vector<double>& duals) const {
    std::vector<double> gain;
    for (const AcceptanceArrival& arrival : problem_.arrivals) {
      gain.push_back(arrival.possible ? static_cast<double>(arrival.weight) : 0.0);
    }
    double sum = 0;
    for (std::size_t r = 0; r < program_.rows.size(); ++r) {
      const double price = std::max(0.0, -duals[r]);
      sum += price * static_cast<double>(program_.rows[r].right_side);
      for (const LinearProgram::Term& term : program_.rows[r].terms) {
        gain[term.variable] -= price * static_cast<double>(term.coefficient);
      }
    }
    for (const double surplus : gain) {
      sum += std::max(0.0, surplus);
    }
    // Weights are whole numbers, so what is taken is one, too.
    return static_cast<std::int64_t>(std::floor(sum * (1 + bound_slack) + least_remainder));
  }

  const AcceptanceProblem& problem_;
  SolverOptions options_;
  LinearProgram program_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> rows_;
  std::vector<std::size_t> peaks_;  // arrivals
  std::vector<double> accepted_;
};

}  // namespace

std::int64_t AcceptanceProblem::offered_weight() const {
  std::int64_t sum = 0;
  for (const AcceptanceArrival& arrival : arrivals) {
    sum += arrival.weight;
  }
  return sum;
}

Result<AcceptanceBound> bound_acceptance(const AcceptanceProblem& problem, const SolverOptions& options) {
  return RowGenerator(problem, options).run();
}

}  // namespace gpusched::sim
