#include <iomanip>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "gpusched/sim/exact/exact_comparison.hpp"

namespace gpusched::sim {

namespace {

using Json = nlohmann::ordered_json;

double units(std::int64_t milli) { return static_cast<double>(milli) / 1000; }

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// By how much a cost exceeds what is proved, in percent of it; nullopt where nothing but 0 is proved.
std::optional<double> gap_percent(std::int64_t cost_milli, std::int64_t bound_milli) {
  if (bound_milli <= 0) {
    return cost_milli <= 0 ? std::optional(0.0) : std::nullopt;
  }
  return 100 * share(cost_milli - bound_milli, bound_milli);
}

class TextTable {
 public:
  TextTable& head(const std::vector<std::string>& names) {
    text_ << std::left << std::setw(first_width) << names[0] << std::right;
    for (std::size_t i = 1; i < names.size(); ++i) {
      text_ << std::setw(width) << names[i];
    }
    return end();
  }
  TextTable& name(const std::string& text) {
    text_ << std::left << std::setw(first_width) << text << std::right;
    return *this;
  }
  TextTable& number(double value, int digits) {
    text_ << std::setw(width) << std::fixed << std::setprecision(digits) << value;
    return *this;
  }
  TextTable& number(std::optional<double> value, int digits) {
    if (value) {
      return number(*value, digits);
    }
    text_ << std::setw(width) << "-";
    return *this;
  }
  TextTable& count(std::int64_t value) {
    text_ << std::setw(width) << value;
    return *this;
  }
  TextTable& end() {
    text_ << "\n";
    return *this;
  }
  std::string str() const { return text_.str(); }

 private:
  static constexpr int first_width = 28, width = 11;
  std::ostringstream text_;
};

void add_cost(TextTable& table, const std::string& name, const SnapshotCost& cost, const ExactComparison& all) {
  table.name(name);
  for (const std::int64_t milli :
       {cost.gpus_milli, cost.penalties_milli, cost.moves_milli, cost.rejections_milli, cost.total_milli()}) {
    table.number(units(milli), 3);
  }
  table.count(cost.gpus).count(cost.moved).count(cost.rejected);
  table.number(gap_percent(cost.total_milli(), all.optimum.bound_milli), 2);
  table.number(cost.total_milli() < all.without_moves.bound_milli
                   ? std::nullopt  // it moves somebody
                   : gap_percent(cost.total_milli(), all.without_moves.bound_milli),
               2);
  table.end();
}

std::string proof_text(const char* name, const SnapshotOptimum& optimum) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(3) << name << ": " << to_string(optimum.status) << " by " << optimum.solver
       << " in " << std::setprecision(2) << optimum.wall_s << " s, " << optimum.variables << " variables, "
       << optimum.rows << " rows; no plan costs less than " << std::setprecision(3) << units(optimum.bound_milli)
       << (optimum.plan ? "" : "; no plan found in time") << "\n";
  return text.str();
}

Json cost_json(const SnapshotCost& cost) {
  return {{"gpus_cost", units(cost.gpus_milli)},
          {"penalties_cost", units(cost.penalties_milli)},
          {"moves_cost", units(cost.moves_milli)},
          {"rejections_cost", units(cost.rejections_milli)},
          {"cost", units(cost.total_milli())},
          {"gpus", cost.gpus},
          {"moved", cost.moved},
          {"rejected", cost.rejected}};
}

Json or_null(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }

Json optimum_json(const SnapshotOptimum& optimum) {
  Json json = {
      {"status", to_string(optimum.status)}, {"solver", optimum.solver}, {"wall_s", optimum.wall_s},
      {"variables", optimum.variables},      {"rows", optimum.rows},     {"bound", units(optimum.bound_milli)}};
  json["plan"] = optimum.plan ? cost_json(optimum.cost) : Json(nullptr);
  return json;
}

std::string bound_text(const char* name, const AcceptanceBound& bound) {
  std::ostringstream text;
  text << "bound " << name << ": ";
  if (bound.solver.empty()) {
    text << "everything fits\n";
    return text.str();
  }
  text << bound.solver << ", " << bound.solves << " programs, " << bound.rows << " rows, " << std::fixed
       << std::setprecision(2) << bound.wall_s << " s"
       << (bound.all_rows_hold ? "" : "; not at its end: a longer --time-limit may bring it down") << "\n";
  return text.str();
}

Json bound_json(const AcceptanceBound& bound, std::int64_t offered) {
  return {{"most", bound.most_weight}, {"offered", offered},    {"acceptance", share(bound.most_weight, offered)},
          {"programs", bound.solves},  {"rows", bound.rows},    {"all_rows_hold", bound.all_rows_hold},
          {"wall_s", bound.wall_s},    {"solver", bound.solver}};
}

}  // namespace

std::string exact_text(const ExactComparison& comparison) {
  std::ostringstream head;
  head << comparison.gpus << " GPUs on " << comparison.nodes << " nodes; " << comparison.jobs << " jobs, of which "
       << comparison.residents << " run already\n";
  TextTable table;
  table.head(
      {"", "GPU cost", "penalties", "moves", "rejections", "cost", "GPUs", "moved", "rejected", "gap %", "no moves %"});
  for (const ExactComparison::Policy& policy : comparison.policies) {
    add_cost(table, policy.name, policy.cost, comparison);
  }
  if (comparison.without_moves.plan) {
    add_cost(table, "optimum, nobody moves", comparison.without_moves.cost, comparison);
  }
  if (comparison.optimum.plan) {
    add_cost(table, "optimum", comparison.optimum.cost, comparison);
  }
  return head.str() + table.str() + proof_text("optimum", comparison.optimum) +
         proof_text("nobody moves", comparison.without_moves);
}

std::string exact_json(const ExactComparison& comparison) {
  Json json;
  json["nodes"] = comparison.nodes;
  json["jobs"] = comparison.jobs;
  json["optimum"] = optimum_json(comparison.optimum);
  json["without_moves"] = optimum_json(comparison.without_moves);
  json["policies"] = Json::array();
  for (const ExactComparison::Policy& policy : comparison.policies) {
    Json row = {{"policy", policy.name}};
    row.update(cost_json(policy.cost));
    row["gap_percent"] = or_null(gap_percent(policy.cost.total_milli(), comparison.optimum.bound_milli));
    row["gap_without_moves_percent"] =
        or_null(gap_percent(policy.cost.total_milli(), comparison.without_moves.bound_milli));
    json["policies"].push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

std::string acceptance_text(const AcceptanceComparison& comparison) {
  const double most_count = 100 * share(comparison.by_count.most_weight, comparison.offered_count);
  const double most_size = 100 * share(comparison.by_size.most_weight, comparison.offered_size);
  TextTable table;
  table.head({"", "accepted %", "to bound", "by size %", "to bound"});
  for (const AcceptanceComparison::Policy& policy : comparison.policies) {
    table.name(policy.name).number(100 * policy.by_count, 2).number(most_count - 100 * policy.by_count, 2);
    table.number(100 * policy.by_size, 2).number(most_size - 100 * policy.by_size, 2).end();
  }
  table.name("nobody accepts more than").number(most_count, 2).number(0.0, 2).number(most_size, 2).number(0.0, 2);
  table.end();
  return std::to_string(comparison.arrivals) + " arrivals at " + std::to_string(comparison.gpus) +
         " GPUs; who does not fit leaves\n" + table.str() + bound_text("by count", comparison.by_count) +
         bound_text("by size", comparison.by_size);
}

std::string acceptance_json(const AcceptanceComparison& comparison) {
  Json json;
  json["arrivals"] = comparison.arrivals;
  json["gpus"] = comparison.gpus;
  json["bound_by_count"] = bound_json(comparison.by_count, comparison.offered_count);
  json["bound_by_size"] = bound_json(comparison.by_size, comparison.offered_size);
  json["policies"] = Json::array();
  for (const AcceptanceComparison::Policy& policy : comparison.policies) {
    json["policies"].push_back(
        {{"policy", policy.name}, {"acceptance", policy.by_count}, {"acceptance_by_size", policy.by_size}});
  }
  return json.dump(2) + "\n";
}

}  // namespace gpusched::sim
