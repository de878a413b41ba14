#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gpusched/perf/partition_slowdown.hpp"

#include "perf/least_squares.hpp"
#include "perf/measurement_index.hpp"
#include "perf/slowdown_rows.hpp"

namespace gpusched {

namespace {

using MeasuredSet = std::vector<const Measurement*>;

int tenants_in(const MeasuredSet& set) {
  int tenants = 0;
  for (const Measurement* row : set) {
    tenants += row->copies;
  }
  return tenants;
}

/// How often a measured tenant is busy when a neighbour looks: always, without a load.
double busy_share(const Measurement& row, const PerfConstants& constants) {
  return row.request_load ? std::min(1.0, constants.mps_service_weight * *row.request_load) : 1;
}

/// The stretch of the kernels that explains a slowdown, and back. Of a service the queue is taken out.
double stretch_of(const Measurement& row, double slowdown) {
  if (row.request_load) {
    return slowdown / (1 + *row.request_load * slowdown);
  }
  const double engine = row.engine_active.value_or(1);
  return engine > 0 ? 1 + (slowdown - 1) / engine : 1;
}
double slowdown_of(const Measurement& row, double stretch) {
  if (row.request_load) {
    const double left = 1 - *row.request_load * stretch;
    return left > 0 ? std::min(saturated_slowdown, stretch / left) : saturated_slowdown;
  }
  return 1 + row.engine_active.value_or(1) * (stretch - 1);
}

/// A demand belongs to a job on a partition: the same job fills more of a smaller one.
std::string demand_name(const Measurement& row) {
  Measurement one = row;
  one.copies = 1;
  one.set.clear();
  return measurement_label(one);
}

/// Demands d by least squares: stretch - 1 = sum over the others of busy share x d. Fitted to the smallest sets in
/// which a job occurs, so that larger ones test it: what an operator would measure, and what he would ask.
class DemandFit {
 public:
  DemandFit(std::span<const Measurement> measurements, const PerfConstants& constants)
      : index_(measurements), constants_(constants) {
    for (MeasuredSet& set : measured_sets(measurements)) {
      const bool complete = std::all_of(set.begin(), set.end(), [&](const Measurement* row) {
        return row->sharing == MeasuredSharing::mps && index_.alone(*row) != nullptr;
      });
      if (complete && tenants_in(set) > 1) {
        sets_.push_back(std::move(set));
      }
    }
    std::stable_sort(sets_.begin(), sets_.end(),
                     [](const MeasuredSet& a, const MeasuredSet& b) { return tenants_in(a) < tenants_in(b); });
    for (const MeasuredSet& set : sets_) {
      for (const Measurement* row : set) {
        smallest_.try_emplace(demand_name(*row), tenants_in(set));
        unknowns_.try_emplace(demand_name(*row), unknowns_.size());
      }
    }
  }

  bool empty() const { return sets_.empty(); }

  FitReport report() const {
    const std::vector<double> calibrated = solve([&](const MeasuredSet& set) { return calibrates(set); });
    const std::vector<double> all = solve([](const MeasuredSet&) { return true; });
    FitReport report;
    report.quantity = "slowdown against alone on the same partition";
    report.held_out = "sets with more tenants than the smallest in which the job occurs";
    report.constants = constants_;
    for (const auto& [name, unknown] : unknowns_) {
      report.demands.push_back({.job = name, .mps_demand = calibrated[unknown]});
    }
    for (const MeasuredSet& set : sets_) {
      for (const Measurement* row : set) {
        FitPoint point{.group = row->group, .label = measurement_label(*row), .measured = measured(*row)};
        point.fitted = slowdown_of(*row, predicted_stretch(set, *row, all));
        if (!calibrates(set)) {
          point.held_out = slowdown_of(*row, predicted_stretch(set, *row, calibrated));
        }
        report.points.push_back(std::move(point));
      }
    }
    return report;
  }

 private:
  double measured(const Measurement& row) const { return row.time_ms / index_.alone(row)->time_ms; }

  bool calibrates(const MeasuredSet& set) const {
    return std::any_of(set.begin(), set.end(), [&](const Measurement* row) {
      return smallest_.find(demand_name(*row))->second == tenants_in(set);
    });
  }

  std::vector<LinearEquation::Term> terms(const MeasuredSet& set, const Measurement& row) const {
    std::vector<LinearEquation::Term> result;
    for (const Measurement* other : set) {
      const int others = other->copies - (other == &row ? 1 : 0);
      if (others > 0) {
        result.push_back({.unknown = unknowns_.find(demand_name(*other))->second,
                          .coefficient = others * busy_share(*other, constants_)});
      }
    }
    return result;
  }

  template <typename Chosen>
  std::vector<double> solve(const Chosen& chosen) const {
    std::vector<LinearEquation> equations;
    for (const MeasuredSet& set : sets_) {
      if (chosen(set)) {
        for (const Measurement* row : set) {
          equations.push_back({.terms = terms(set, *row), .value = stretch_of(*row, measured(*row)) - 1});
        }
      }
    }
    std::vector<double> demands = solve_least_squares(equations, unknowns_.size());
    for (double& demand : demands) {
      demand = std::max(0.0, demand);  // nobody is sped up by a neighbour, noise aside
    }
    return demands;
  }

  double predicted_stretch(const MeasuredSet& set, const Measurement& row, const std::vector<double>& demands) const {
    double stretch = 1;
    for (const LinearEquation::Term& term : terms(set, row)) {
      stretch += term.coefficient * demands[term.unknown];
    }
    return stretch;
  }

  MeasurementIndex index_;
  PerfConstants constants_;
  std::vector<MeasuredSet> sets_;
  std::map<std::string, int> smallest_;          // tenants of the smallest set of a demand
  std::map<std::string, std::size_t> unknowns_;  // demand -> index
};

class Mps final : public SlowdownModel {
 public:
  Result<std::vector<double>> predict(const SharedPartition& partition, const PerfConstants& constants) const override {
    if (partition.profile) {
      return not_for("mps", "a MIG instance", "The device plugin offers MPS on whole GPUs only");
    }
    std::vector<TenantDemand> tenants;
    for (const JobProfile* job : partition.tenants) {
      tenants.push_back(tenant_demand(*job, partition.load, constants));
    }
    std::vector<double> slowdown(tenants.size());
    mps_slowdown(tenants, constants, slowdown);
    return slowdown;
  }

  Result<FitReport> fit(std::span<const Measurement> measurements, const PerfConstants& constants) const override {
    const DemandFit fit(measurements, constants);
    if (fit.empty()) {
      return no_measurements("mps",
                             "mps rows with two tenants or more, and each job's exclusive row on the same "
                             "partition");
    }
    return fit.report();
  }
};

const Mps model{};

}  // namespace

constinit const SlowdownModelInfo mps_model = {
    .name = "mps",
    .description = "tenants run side by side on a whole GPU: a busy neighbour o adds d_o to the stretch of my kernels",
    .needs = "mps_demand where measured, else engine_active, sm_active, dram_active; duty_cycle or request_load",
    .validity =
        "one number per job, whoever its neighbour is; d guessed from activities is a prior, measure it; no limit "
        "of threads or memory per client",
    .error =
        "slowdown, d from the smallest set: 0.4 % at 5 pods and 1.3 % at 7 from 3 (nos); 10.8 % mean, 37 % p95 at 3 to "
        "5 processes from 2, 957 points of ParvaGPU (A100-80GB instances)",
    .source = "nos's comparison of GPU sharing, ParvaGPU's process counts; docs/models/slowdown.md",
    .model = &model};

}  // namespace gpusched
