#include <array>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/result_files.hpp"

#include "columns.hpp"
#include "simulation.hpp"

namespace gpusched::python {

namespace {

std::string_view reason_word(RejectReason reason) { return reason == RejectReason::none ? "" : to_string(reason); }

/// The columns that only traces with job profiles have.
void add_accounts(Table& table, const std::vector<sim::JobAccount>& accounts) {
  using Account = sim::JobAccount;
  table.add("class", words_of(accounts, [](const Account& account) {
              return account.goodput_class ? to_string(*account.goodput_class) : "";
            }));
  table.add("mode",
            words_of(accounts, [](const Account& account) { return account.mode ? to_string(*account.mode) : ""; }));
  const auto if_it_ran = [&](const char* name, auto value) {
    table.add(name, numbers_of<double>(accounts, [&](const Account& account) {
                return account.goodput_class && account.mode ? value(account) : missing;
              }));
  };
  if_it_ran("work_s", [](const Account& account) { return account.work_s; });
  if_it_ran("slowdown",
            [](const Account& account) { return is_service(*account.goodput_class) ? missing : account.slowdown; });
  if_it_ran("ok_share",
            [](const Account& account) { return is_service(*account.goodput_class) ? account.ok_share : missing; });
  if_it_ran("slo_met", [](const Account& account) { return account.slo_met ? 1.0 : 0.0; });
  table.add("oom_kills", numbers_of<std::int64_t>(accounts, [](const Account& account) { return account.oom_kills; }));
}

}  // namespace

SharedTable jobs_table(const ResultHandle& handle) {
  const sim::Trace& trace = *handle.trace;
  const auto& jobs = handle.result.jobs;
  using Job = sim::JobResult;
  auto table = std::make_shared<Table>();
  table->add("id", texts_of(jobs, [&](const Job& job) -> std::string_view { return trace.jobs[job.row].id; }));
  table->add("row", numbers_of<std::int64_t>(jobs, [](const Job& job) { return job.row; }));
  const auto time = [&](const char* name, auto value) { table->add(name, numbers_of<double>(jobs, value)); };
  time("submit_s", [&](const Job& job) { return to_s(trace.jobs[job.row].submit_ns); });
  time("first_start_s", [](const Job& job) { return to_s(job.first_start_ns); });
  time("start_s", [](const Job& job) { return to_s(job.start_ns); });
  time("end_s", [](const Job& job) { return to_s(job.end_ns); });
  table->add("outcome", words_of(jobs, [](const Job& job) { return to_string(job.outcome); }));
  table->add("node", words_of(jobs, [&](const Job& job) -> std::string_view {
               return job.start_ns >= 0 ? std::string_view(trace.nodes[job.node].id) : std::string_view();
             }));
  table->add("gpus", texts_of(jobs, [](const Job& job) {
               return job.start_ns >= 0 ? sim::gpus_text(job.gpus) : std::string();
             }));
  table->add("evictions", numbers_of<std::int32_t>(jobs, [](const Job& job) { return job.evictions; }));
  table->add("reason", words_of(jobs, [](const Job& job) { return reason_word(job.reason); }));
  if (!handle.result.accounts.empty()) {
    add_accounts(*table, handle.result.accounts);
  }
  return table;
}

SharedTable timeline_table(const ResultHandle& handle) {
  const auto& rows = handle.result.timeline;
  using Row = sim::TimelineRow;
  auto table = std::make_shared<Table>();
  const auto number = [&](const char* name, auto value) { table->add(name, numbers_of<double>(rows, value)); };
  number("time_s", [](const Row& row) { return to_s(row.time_ns); });
  number("gpu_allocated", [](const Row& row) { return row.gpu_allocated; });
  number("mig_allocated", [](const Row& row) { return row.mig_allocated; });
  number("active_gpus", [](const Row& row) { return row.active_gpus; });
  number("fragment_gpus", [](const Row& row) { return row.fragment_gpus; });
  number("unusable_slices", [](const Row& row) { return row.unusable_slices; });
  table->add("queued", numbers_of<std::int64_t>(rows, [](const Row& row) { return row.queued; }));
  table->add("running", numbers_of<std::int64_t>(rows, [](const Row& row) { return row.running; }));
  return table;
}

SharedTable demand_table(const ResultHandle& handle) {
  const std::vector<sim::DemandRow> rows = sim::demand_rows(*handle.trace, handle.result, handle.given_order);
  using Row = sim::DemandRow;
  const auto gpus = [](std::int64_t micro_gpus) { return static_cast<double>(micro_gpus) / 1e6; };
  auto table = std::make_shared<Table>();
  table->add("time_s", numbers_of<double>(rows, [](const Row& row) { return to_s(row.time_ns); }));
  table->add("arrived_gpus", numbers_of<double>(rows, [&](const Row& row) { return gpus(row.arrived_micro_gpus); }));
  table->add("offered_gpus", numbers_of<double>(rows, [&](const Row& row) { return gpus(row.offered_micro_gpus); }));
  return table;
}

SharedTable curve_table(const ResultHandle& handle) {
  auto table = std::make_shared<Table>();
  std::int64_t percent = 0;
  table->add("arrived_percent",
             numbers_of<std::int64_t>(handle.curve, [&](const sim::Curve::Row&) { return percent++; }));
  const auto add = [&](const char* name, double sim::Curve::Row::*value) {
    table->add(name, numbers_of<double>(handle.curve, [&](const sim::Curve::Row& row) { return row.*value; }));
  };
  add("allocation_percent", &sim::Curve::Row::allocation_percent);
  add("fragment_ratio_percent", &sim::Curve::Row::fragment_ratio_percent);
  add("fragment_total_percent", &sim::Curve::Row::fragment_total_percent);
  return table;
}

SharedTable decisions_table(const ResultHandle& handle) {
  const auto& rows = handle.decisions;
  using Row = DecisionRow;
  const auto node_name = [&](NodeId node) -> std::string_view {
    return node.valid() ? std::string_view(handle.trace->nodes[node.value].id) : std::string_view();
  };
  auto table = std::make_shared<Table>();
  table->add("time_s", numbers_of<double>(rows, [](const Row& row) { return to_s(row.time_ns); }));
  table->add("pod",
             texts_of(rows, [&](const Row& row) -> std::string_view { return handle.pod_names[row.pod.value]; }));
  table->add("outcome", words_of(rows, [](const Row& row) { return row.outcome; }));
  table->add("node", words_of(rows, [&](const Row& row) { return node_name(row.place.node); }));
  table->add("gpus", texts_of(rows, [](const Row& row) { return sim::gpus_text(row.place.gpus); }));
  table->add("cost", numbers_of<std::int64_t>(rows, [](const Row& row) { return row.cost; }));
  table->add("runner_up", words_of(rows, [&](const Row& row) { return node_name(row.runner_up.node); }));
  table->add("runner_up_cost", numbers_of<std::int64_t>(rows, [](const Row& row) { return row.runner_up.cost; }));
  table->add("mode",
             words_of(rows, [](const Row& row) { return row.mode ? to_string(row.mode->mode) : std::string_view(); }));
  table->add("slowdown", numbers_of<double>(rows, [](const Row& row) {
               return row.mode ? static_cast<double>(row.mode->slowdown_milli) / 1000 : missing;
             }));
  table->add("reason", words_of(rows, [](const Row& row) { return reason_word(row.reason); }));
  return table;
}

namespace {

struct GpuRow {
  const Node* node;
  std::int32_t gpu;
  const GpuState* state;
};

struct PlacementRow {
  std::size_t pod;
  const Node* node;
  const GpuAssignment* part;
};

std::string_view sharing_word(PartitionSharing sharing) {
  constexpr std::array<std::string_view, 3> words = {"exclusive", "time_slice", "mps"};
  return words[static_cast<std::size_t>(sharing)];
}

SharedTable gpus_table(const ClusterState& state) {
  std::vector<GpuRow> rows;
  for (const Node& node : state.nodes()) {
    for (std::size_t i = 0; i < node.state.gpus.size(); ++i) {
      rows.push_back({.node = &node, .gpu = static_cast<std::int32_t>(i), .state = &node.state.gpus[i]});
    }
  }
  auto table = std::make_shared<Table>();
  const auto number = [&](const char* name, auto value) { table->add(name, numbers_of<std::int32_t>(rows, value)); };
  table->add("node", words_of(rows, [](const GpuRow& row) -> std::string_view { return row.node->spec.name; }));
  number("gpu", [](const GpuRow& row) { return row.gpu; });
  table->add("model", words_of(rows, [](const GpuRow& row) { return gpu_model(GpuModelId{row.state->model}).name; }));
  number("free_milli", [](const GpuRow& row) { return row.state->free_milli; });
  number("mig_occupancy", [](const GpuRow& row) { return row.state->mig_occupancy; });
  number("free_memory_mib", [](const GpuRow& row) { return row.state->free_memory_mib; });
  table->add("sharing", words_of(rows, [](const GpuRow& row) { return sharing_word(row.state->sharing); }));
  number("held", [](const GpuRow& row) { return row.state->held ? 1 : 0; });
  return table;
}

SharedTable placements_table(const ClusterState& state, const std::vector<std::string>& pod_names) {
  std::vector<PlacementRow> rows;
  for (std::size_t pod = 0; pod < state.pods().size(); ++pod) {
    const PodRecord& record = state.pods()[pod];
    for (std::size_t i = 0; record.holds_resources() && i < record.placement.gpus.size(); ++i) {
      rows.push_back({.pod = pod, .node = &state.node(record.placement.node), .part = &record.placement.gpus[i]});
    }
  }
  auto table = std::make_shared<Table>();
  const auto number = [&](const char* name, auto value) { table->add(name, numbers_of<std::int32_t>(rows, value)); };
  table->add("pod", texts_of(rows, [&](const PlacementRow& row) -> std::string_view { return pod_names[row.pod]; }));
  table->add("node", words_of(rows, [](const PlacementRow& row) -> std::string_view { return row.node->spec.name; }));
  number("gpu", [](const PlacementRow& row) { return row.part->gpu; });
  number("share_milli", [](const PlacementRow& row) { return row.part->share_milli; });
  number("start", [](const PlacementRow& row) { return row.part->range.start; });
  number("size", [](const PlacementRow& row) { return row.part->range.size; });
  table->add("profile", words_of(rows, [](const PlacementRow& row) -> std::string_view {
               return row.part->profile.valid()
                          ? gpu_model(row.node->spec.gpus[row.part->gpu].model).profiles[row.part->profile.value].name
                          : std::string_view();
             }));
  table->add("sharing", words_of(rows, [](const PlacementRow& row) { return sharing_word(row.part->sharing); }));
  return table;
}

}  // namespace

py::tuple state_tables(const ClusterState& state, const std::vector<std::string>& pod_names) {
  constexpr std::array<std::string_view, 3> health_words = {"ready", "draining", "down"};
  auto nodes = std::make_shared<Table>();
  nodes->add("id", texts_of(state.nodes(), [](const Node& node) -> std::string_view { return node.spec.name; }));
  nodes->add("cpu_free_milli",
             numbers_of<std::int64_t>(state.nodes(), [](const Node& node) { return node.state.cpu_free_milli; }));
  nodes->add("memory_free_mib",
             numbers_of<std::int64_t>(state.nodes(), [](const Node& node) { return node.state.memory_free_mib; }));
  nodes->add("health", words_of(state.nodes(),
                                [&](const Node& node) { return health_words[static_cast<std::size_t>(node.health)]; }));
  return py::make_tuple(SharedTable(nodes), gpus_table(state), placements_table(state, pod_names));
}

}  // namespace gpusched::python
