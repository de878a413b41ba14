#pragma once

#include <string>
#include <vector>

#include "gpusched/profiler/analysis/judgement.hpp"
#include "gpusched/profiler/analysis/suite_results.hpp"
#include "gpusched/profiler/measured_job.hpp"

namespace gpusched::suite {

/// The measured times as `gpusched-sim fit` reads them (docs/formats/measurements.md): jobs alone, on MIG instances,
/// time-sliced and under MPS. Green contexts are no MIG instances and not among them. Columns of ours: x_spread,
/// x_repetitions.
std::string measurements_csv(const SuiteResults& results);

/// The slices of judge_suite(), every row with x_modelled = yes: raw green-context times held to an instance's share of
/// the memory bandwidth. Not measured; for fits that know what they do.
std::string modelled_csv(const SuiteResults& results, const std::vector<ModelledSlice>& modelled);

/// The jobs that were measured alone, with provenance, judged: those with something missing make no profile.
std::vector<profiler::MeasuredJob> measured_jobs(const SuiteResults& results);

/// A self-contained page: what was measured, predicted against measured with plots, where models miss. Text from the
/// results is escaped.
std::string suite_page(const SuiteResults& results, const SuiteJudgement& judgement, const std::string& title);

}  // namespace gpusched::suite
