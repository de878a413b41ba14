#include <algorithm>
#include <string>
#include <unordered_set>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/readers/gtf_names.hpp"

#include "readers/gtf_tables.hpp"
#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

constexpr double micro_per_unit = 1e6;

/// Columns that are labels under their own name.
constexpr std::array<std::string_view, 4> label_columns = {"zone", "rack", "link_domain", "pool"};

class NodeTable : public GtfTable {
 public:
  NodeTable(ReadOutcome& outcome, std::string file)
      : trace_(outcome.trace),
        checker_(outcome.report, std::move(file)),
        columns_("nodes", node_columns(), outcome.trace.node_extra_columns),
        values_(node_columns().size()) {
    for (const TraceNode& node : trace_.nodes) {
      ids_.insert(node.id);
    }
  }

  ColumnMap& columns() override { return columns_; }

  void reject_row(int line, std::string_view reason, std::string_view message) override {
    checker_.begin_row(line);
    checker_.reject(reason, message);
  }

  Status add_row(std::span<const std::string_view> row, int line) override {
    checker_.begin_row(line);
    const bool any_extra = columns_.spread(row, values_, extra_);
    TraceNode node;
    node.id = value("id");
    node.gpu_model = value("gpu_model");
    if (Status known = check_model(node.gpu_model); !known.ok()) {
      return known;
    }
    if (!checker_.required("id", node.id) || !read_amounts(node) || !read_sharing(node) || !read_labels(node) ||
        !read_costs(node) || !read_availability(node)) {
      return {};
    }
    if (any_extra) {
      node.extra.assign(extra_.begin(), extra_.end());
    }
    if (!ids_.insert(node.id).second) {
      checker_.reject("duplicate_id", "node id '" + node.id + "' appears twice");
      return {};
    }
    trace_.nodes.push_back(std::move(node));
    checker_.keep_row();
    return {};
  }

 private:
  std::string_view value(std::string_view column) const {
    return values_[static_cast<std::size_t>(find_column(node_columns(), column) - node_columns().data())];
  }

  bool integer(std::string_view column, std::int64_t most, auto& number) {
    return checker_.integer(column, value(column), 0, most, number);
  }

  /// A cluster with a GPU nobody knows is a mistake to stop at, not a row to skip: results would be of another cluster.
  Status check_model(const std::string& name) {
    if (name.empty() || name == last_known_model_) {
      return {};
    }
    const Result<GpuModelId> model = find_gpu_model(name);
    if (!model.ok()) {
      Error error = checker_.error(model.error().code, model.error().message);
      error.remedy = model.error().remedy;
      return error;
    }
    last_known_model_ = name;
    return {};
  }

  bool read_amounts(TraceNode& node) {
    for (const std::string_view column : {"num_gpu", "cpu_milli", "memory_mib"}) {
      if (!checker_.required(column, value(column))) {
        return false;
      }
    }
    if (!integer("num_gpu", max_num_gpu, node.num_gpu) ||
        !integer("gpu_memory_mib", max_memory_mib, node.gpu_memory_mib) ||
        !integer("cpu_milli", max_cpu_milli, node.cpu_milli) ||
        !integer("memory_mib", max_memory_mib, node.memory_mib) || !integer("replicas", max_replicas, node.replicas)) {
      return false;
    }
    return node.num_gpu == 0 || checker_.required("gpu_model", node.gpu_model);
  }

  bool read_sharing(TraceNode& node) {
    if (find_value(sharing_names, value("sharing"), node.sharing)) {
      return true;
    }
    return checker_.reject("unknown_sharing",
                           "sharing is '" + std::string(value("sharing")) + "', not exclusive, time_slice, mps or mig");
  }

  bool read_labels(TraceNode& node) {
    auto labels = parse_map(value("labels"));
    if (!labels) {
      return checker_.reject("labels_malformed", "labels is '" + std::string(value("labels")) +
                                                     "', not KEY=VALUE|KEY=VALUE with different keys");
    }
    node.labels = std::move(*labels);
    for (const std::string_view column : label_columns) {
      if (value(column).empty()) {
        continue;
      }
      const auto same = [&](const auto& label) { return label.first == column; };
      if (std::any_of(node.labels.begin(), node.labels.end(), same)) {
        return checker_.reject("label_given_twice", "'" + std::string(column) + "' is both a column and a label");
      }
      node.labels.emplace_back(column, value(column));
    }
    std::sort(node.labels.begin(), node.labels.end());
    return true;
  }

  bool decimal(std::string_view column, std::optional<double>& number) {
    double given = 0;
    if (value(column).empty()) {
      return true;
    }
    number = given;
    return checker_.decimal(column, value(column), 0, *number);
  }

  bool read_costs(TraceNode& node) {
    std::int64_t price_micro = -1;
    if (!checker_.integer("price_per_hour", value("price_per_hour"), 0, std::int64_t{1} << 50, price_micro)) {
      return false;
    }
    if (price_micro >= 0) {
      node.price_per_hour = static_cast<double>(price_micro) / micro_per_unit;
    }
    return decimal("idle_w", node.idle_w) && decimal("active_w", node.active_w);
  }

  bool time(std::string_view column, std::optional<TimeNs>& result) {
    TimeNs given = 0;
    if (!checker_.seconds(column, value(column), given)) {
      return false;
    }
    if (!value(column).empty()) {
      result = given;
    }
    return true;
  }

  bool read_availability(TraceNode& node) {
    if (!time("available_from_s", node.available_from_ns) || !time("available_to_s", node.available_to_ns)) {
      return false;
    }
    if (node.available_from_ns && node.available_to_ns && *node.available_from_ns >= *node.available_to_ns) {
      return checker_.reject("available_to_before_from", "available_to_s is not after available_from_s");
    }
    return true;
  }

  Trace& trace_;
  RowChecker checker_;
  ColumnMap columns_;
  std::vector<std::string_view> values_;
  std::vector<std::string_view> extra_;
  std::unordered_set<std::string> ids_;
  std::string last_known_model_;
};

}  // namespace

std::unique_ptr<GtfTable> make_node_table(ReadOutcome& outcome, std::string file) {
  return std::make_unique<NodeTable>(outcome, std::move(file));
}

}  // namespace gpusched::sim
