#include <algorithm>
#include <string>
#include <unordered_set>

#include "readers/gtf_tables.hpp"
#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

enum EventColumn : std::size_t { time_s, target, target_id, event, cause, duration_s };

class EventTable : public GtfTable {
 public:
  EventTable(ReadOutcome& outcome, std::string file)
      : trace_(outcome.trace),
        checker_(outcome.report, std::move(file)),
        columns_("events", event_columns(), outcome.trace.event_extra_columns),
        values_(event_columns().size()) {}

  ColumnMap& columns() override { return columns_; }

  void reject_row(int line, std::string_view reason, std::string_view message) override {
    checker_.begin_row(line);
    checker_.reject(reason, message);
  }

  Status add_row(std::span<const std::string_view> row, int line) override {
    checker_.begin_row(line);
    const bool any_extra = columns_.spread(row, values_, extra_);
    TraceEvent entry;
    if (!checker_.required("time_s", values_[time_s]) || !checker_.seconds("time_s", values_[time_s], entry.time_ns) ||
        !checker_.seconds("duration_s", values_[duration_s], entry.duration_ns) || !check_target() || !check_event()) {
      return {};
    }
    entry.target = values_[target];
    entry.target_id = values_[target_id];
    entry.event = values_[event];
    entry.cause = values_[cause];
    if (any_extra) {
      entry.extra.assign(extra_.begin(), extra_.end());
    }
    trace_.events.push_back(std::move(entry));
    checker_.keep_row();
    return {};
  }

 private:
  bool check_target() {
    static constexpr std::array<std::string_view, 5> later = {"gpu", "mig", "rack", "pool", "*"};
    const std::string name(values_[target]);
    if (!checker_.required("target", name)) {
      return false;
    }
    if (std::find(later.begin(), later.end(), name) != later.end()) {
      return checker_.reject("target_not_supported_" + (name == "*" ? "all" : name),
                             "events of target '" + name + "' are not interpreted yet, only those of nodes");
    }
    if (name != "node") {
      return checker_.reject("unknown_target", "target is '" + name + "', not node, gpu, mig, rack, pool or *");
    }
    if (!checker_.required("target_id", values_[target_id])) {
      return false;
    }
    return is_known_node(std::string(values_[target_id])) ||
           checker_.reject("unknown_node", "no node has the id '" + std::string(values_[target_id]) + "'");
  }

  /// Events may be read without nodes; then nothing can be checked.
  bool is_known_node(const std::string& id) {
    if (trace_.nodes.empty()) {
      return true;
    }
    for (; known_nodes_ < trace_.nodes.size(); ++known_nodes_) {
      node_ids_.insert(trace_.nodes[known_nodes_].id);
    }
    return node_ids_.count(id) > 0;
  }

  bool check_event() {
    static constexpr std::array<std::string_view, 3> interpreted = {"down", "up", "drain"};
    static constexpr std::array<std::string_view, 3> later = {"degrade", "price", "capacity"};
    const std::string name(values_[event]);
    if (std::find(interpreted.begin(), interpreted.end(), name) != interpreted.end()) {
      return true;
    }
    if (std::find(later.begin(), later.end(), name) != later.end()) {
      return checker_.reject("event_not_supported_" + name, "event '" + name + "' is not interpreted yet");
    }
    return checker_.reject("unknown_event", "event is '" + name + "', not down, up, drain, degrade, price or capacity");
  }

  Trace& trace_;
  RowChecker checker_;
  ColumnMap columns_;
  std::vector<std::string_view> values_;
  std::vector<std::string_view> extra_;
  std::unordered_set<std::string> node_ids_;
  std::size_t known_nodes_ = 0;
};

}  // namespace

std::unique_ptr<GtfTable> make_event_table(ReadOutcome& outcome, std::string file) {
  return std::make_unique<EventTable>(outcome, std::move(file));
}

}  // namespace gpusched::sim
