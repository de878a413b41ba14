#pragma once

#include <string>

#include "gpusched/sim/decision_explainer.hpp"

namespace gpusched::sim {

// `job`: its name, or empty.

/// For people: the answer, the modes side by side, and what would change it.
std::string explanation_text(const std::string& job, const ExplainedDecision& explained);
/// The same as one JSON object (docs/explain.md).
std::string explanation_json(const std::string& job, const ExplainedDecision& explained);

}  // namespace gpusched::sim
