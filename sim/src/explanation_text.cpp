#include "gpusched/sim/explanation_text.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <vector>

#include <nlohmann/json.hpp>

namespace gpusched::sim {

namespace {

using Json = nlohmann::ordered_json;

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string gpus(std::int64_t millionths) { return fixed(static_cast<double>(millionths) / 1e6, 4); }

std::string place_text(const ExplainedDecision& explained, const Candidate& place) {
  std::string text = explained.node_names[place.node.value];
  for (const GpuAssignment& part : place.gpus) {
    text += " GPU " + std::to_string(part.gpu);
    text += part.range.size > 0 ? " units " + std::to_string(part.range.start) + "-" +
                                      std::to_string(part.range.start + part.range.size - 1)
                                : "";
  }
  return text;
}

const RejectCounts* reasons_of(const Decision& decision) {
  if (const auto* wait = std::get_if<Wait>(&decision)) {
    return &wait->reasons;
  }
  const auto* infeasible = std::get_if<Infeasible>(&decision);
  return infeasible != nullptr ? &infeasible->reasons : nullptr;
}

std::string counts_text(const RejectCounts& counts) {
  std::string text;
  for (std::size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] > 0) {
      text += (text.empty() ? "" : ", ") + std::to_string(counts[i]) + " " + to_string(static_cast<RejectReason>(i));
    }
  }
  return text.empty() ? "no GPU" : text;
}

Json counts_json(const RejectCounts& counts) {
  Json json = Json::object();
  for (std::size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] > 0) {
      json[to_string(static_cast<RejectReason>(i))] = counts[i];
    }
  }
  return json;
}

/// Rows as columns that stand below each other.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::ostringstream text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text << "  " << std::left << std::setw(i + 1 < row.size() ? static_cast<int>(widths[i]) : 0) << row[i];
    }
    text << "\n";
  }
  return text.str();
}

std::string modes_text(const ExplainedDecision& explained) {
  std::vector<const ModeOption*> options;
  for (const ModeOption& option : explained.explanation.modes) {
    options.push_back(&option);
  }
  std::stable_sort(options.begin(), options.end(), [](const ModeOption* a, const ModeOption* b) {
    return a->place && (!b->place || a->terms.sum() < b->terms.sum());
  });
  std::vector<std::vector<std::string>> rows = {
      {"mode", "cost", "value lost", "slowdown", "setup", "bonus", "runs", "place"}};
  std::vector<std::vector<std::string>> refused;
  for (const ModeOption* option : options) {
    const std::string name(to_string(option->mode));
    if (option->place) {
      const CostTerms& terms = option->terms;
      rows.push_back({name, gpus(terms.sum()), gpus(terms.value_lost), gpus(terms.slowdown), gpus(terms.setup),
                      gpus(terms.mps_bonus), fixed(static_cast<double>(option->slowdown_milli) / 1e3, 3) + "x",
                      place_text(explained, *option->place)});
    } else {
      refused.push_back({name, option->bar != ModeBar::none
                                   ? std::string(to_string(option->bar)) + ": " + std::string(describe(option->bar))
                                   : counts_text(option->refusals)});
    }
  }
  return (rows.size() > 1 ? "costs in GPUs, smallest wins:\n" + aligned(rows) : "") +
         (refused.empty() ? "" : "refused:\n" + aligned(refused));
}

std::string asks_text(const Explanation& explanation) {
  const GpuRequest& asked = explanation.request;
  std::string text = "asks for " + std::to_string(asked.num_gpu) + " x " +
                     (asked.mig_profile.empty() ? std::to_string(asked.gpu_milli) + " milli-GPU" : asked.mig_profile);
  text += asked.max_slowdown > 0 ? ", max_slowdown " + fixed(asked.max_slowdown, 3) : "";
  text += asked.trust_domain.empty() ? "" : ", trust_domain " + asked.trust_domain;
  text += asked.job_profile.empty() ? "" : ", job profile " + asked.job_profile;
  if (!explanation.modes.empty()) {
    text += explanation.profile_known ? "" : "; no profile: the fallback of its class stands in";
    text += explanation.memory_needed_mib > 0
                ? "; needs " + std::to_string(explanation.memory_needed_mib) + " MiB with its context"
                : "; memory unknown";
  }
  return text + "\n";
}

}  // namespace

std::string explanation_text(const std::string& job, const ExplainedDecision& explained) {
  const Explanation& explanation = explained.explanation;
  std::string text = (job.empty() ? "a job" : "job " + job) + " at " +
                     fixed(static_cast<double>(explained.time_ns) / 1e9, 3) + " s: " + to_string(explanation.answer);
  if (const Candidate* place = candidate_of(explanation.decision)) {
    text += " on " + place_text(explained, *place);
  } else if (const RejectCounts* reasons = reasons_of(explanation.decision)) {
    text += " (" + counts_text(*reasons) + ")";
  }
  text += "\n" + asks_text(explanation) + modes_text(explained);
  const auto* bind = std::get_if<Bind>(&explanation.decision);
  if (bind != nullptr && explanation.modes.empty() && bind->runner_up.node.valid()) {
    text += "cost " + std::to_string(bind->cost) + "; runner-up " + explained.node_names[bind->runner_up.node.value] +
            ", cost " + std::to_string(bind->runner_up.cost) + "\n";
  }
  std::vector<std::vector<std::string>> rows;
  for (const RequestChange& change : explanation.changes) {
    rows.push_back({change.field, change.from + " -> " + change.to, to_string(change.answer)});
  }
  return text + (rows.empty() ? "no change of the request that was tried would change the answer\n"
                              : "would change the answer, smallest first:\n" + aligned(rows));
}

std::string explanation_json(const std::string& job, const ExplainedDecision& explained) {
  const Explanation& explanation = explained.explanation;
  Json json;
  json["job"] = job.empty() ? Json(nullptr) : Json(job);
  json["time_s"] = static_cast<double>(explained.time_ns) / 1e9;
  json["answer"] = to_string(explanation.answer);
  if (const Candidate* place = candidate_of(explanation.decision)) {
    json["place"] = place_text(explained, *place);
  }
  if (const RejectCounts* reasons = reasons_of(explanation.decision)) {
    json["reasons"] = counts_json(*reasons);
  }
  if (const auto* bind = std::get_if<Bind>(&explanation.decision); bind != nullptr) {
    json["cost"] = bind->cost;
    if (bind->runner_up.node.valid()) {
      json["runner_up"] = {{"node", explained.node_names[bind->runner_up.node.value]}, {"cost", bind->runner_up.cost}};
      if (bind->mode && bind->mode->runner_up) {
        json["runner_up"]["mode"] = to_string(*bind->mode->runner_up);
      }
    }
  }
  json["memory_needed_mib"] = explanation.memory_needed_mib;
  json["profile_known"] = explanation.profile_known;
  json["modes"] = Json::array();
  for (const ModeOption& option : explanation.modes) {
    Json row = {{"mode", to_string(option.mode)}};
    if (option.place) {
      row["place"] = place_text(explained, *option.place);
      row["cost_millionths"] = option.terms.sum();
      row["terms"] = {{"value_lost", option.terms.value_lost},
                      {"slowdown", option.terms.slowdown},
                      {"setup", option.terms.setup},
                      {"mps_bonus", option.terms.mps_bonus}};
      row["slowdown_milli"] = option.slowdown_milli;
      row["setup_s"] = static_cast<double>(option.setup_ns) / 1e9;
    } else if (option.bar != ModeBar::none) {
      row["barred_by"] = to_string(option.bar);
    } else {
      row["refusals"] = counts_json(option.refusals);
    }
    json["modes"].push_back(std::move(row));
  }
  json["changes"] = Json::array();
  for (const RequestChange& change : explanation.changes) {
    json["changes"].push_back(
        {{"field", change.field}, {"from", change.from}, {"to", change.to}, {"answer", to_string(change.answer)}});
  }
  return json.dump(2) + "\n";
}

}  // namespace gpusched::sim
