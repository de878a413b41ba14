// Triggers of reshapes on online MIG demand: what they win, and how many pods they move for it.
#include <array>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/simulator.hpp"

#include "table_program.hpp"

namespace {

using namespace gpusched;

struct Cell {
  std::string_view name, mix, then, load, jobs;
  double warmup = 0;
  bool shifts() const { return then != "same"; }
};
/// Shifting cells count the 4,000 arrivals after the shift.
constexpr std::array<Cell, 4> cells = {{{"uniform 0.85", "uniform", "same", "0.85", "40000", 1.0 / 6.0},
                                        {"uniform 1.0", "uniform", "same", "1.0", "40000", 1.0 / 6.0},
                                        {"shift 0.85", "skew-small", "skew-big", "0.85", "8000", 0.5},
                                        {"shift 1.0", "skew-small", "skew-big", "1.0", "8000", 0.5}}};

struct Regime {
  std::string_view name;
  bool on_block = false, periodic = false, on_drift = false, gated = false;
};
constexpr std::array<Regime, 8> regimes = {{{"none"},
                                            {"drift", false, false, true, false},
                                            {"periodic", false, true, false, false},
                                            {"periodic, gate", false, true, false, true},
                                            {"block", true, false, false, false},
                                            {"block, gate", true, false, false, true},
                                            {"all", true, true, true, false},
                                            {"all, gate", true, true, true, true}}};
constexpr std::size_t periodic = 2, periodic_gated = 3;

struct Figures {
  double by_size = 0;       // per cent accepted where nobody waits
  double mean_wait_s = 0;   // where everybody waits
  double moved = 0;         // pods per 100 arrivals, both queues
  double lost_percent = 0;  // of the GPU time, by restarts
  double emptied = 0;       // GPUs per 100 arrivals
  double drifts = 0;

  void add(const Figures& other, double weight) {
    by_size += weight * other.by_size;
    mean_wait_s += weight * other.mean_wait_s;
    moved += weight * other.moved;
    lost_percent += weight * other.lost_percent;
    emptied += weight * other.emptied;
    drifts += weight * other.drifts;
  }
};

/// What the moves of a replay cost: every job is of class batch and loses the restart on its part of a GPU.
class RestartCounter final : public sim::ReplayObserver {
 public:
  void on_event(const Engine&, const Event& event) override {
    if (const auto* moved = std::get_if<PodMoved>(&event.what)) {
      units_ += moved->move.to.gpus[0].range.size;
    }
  }
  void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision>) override {}
  void on_arrival(const sim::ArrivalSample& sample) override { last_arrival_ns_ = sample.time_ns; }
  double lost_percent(TimeNs restart_ns, std::size_t gpus) const {
    constexpr double units_per_gpu = 8;
    return 100.0 * static_cast<double>(units_) / units_per_gpu * static_cast<double>(restart_ns) /
           (static_cast<double>(gpus) * static_cast<double>(last_arrival_ns_));
  }

 private:
  std::int64_t units_ = 0;
  TimeNs last_arrival_ns_ = 1;
};

sim::ReshapeSimulation reshape_of(const Regime& regime) {
  sim::ReshapeSimulation reshape;
  reshape.rules.one_move_on_block = regime.on_block;
  reshape.delay_ns = 10 * ns_per_s;
  reshape.failure = 0.05;
  reshape.compaction.every_ns = regime.periodic ? 600 * ns_per_s : 0;
  reshape.compaction.on_drift = regime.on_drift;
  if (regime.gated) {
    reshape.gate.emplace();
  }
  return reshape;
}

Result<Figures> replay(const sim::Trace& trace, const Cell& cell, const Regime& regime, std::uint64_t seed,
                       sim::QueueDiscipline queue) {
  sim::SimulationOptions options;
  options.policy = parse_policy("buddy").value();
  options.seed = seed;
  options.queue = queue;
  options.target = sim::demand_of(trace);
  options.warmup_fraction = cell.warmup;
  options.reshape = reshape_of(regime);
  RestartCounter restarts;
  std::array<sim::ReplayObserver*, 1> observers = {&restarts};
  const Result<sim::SimulationResult> result = sim::simulate(trace, options, observers);
  if (!result) {
    return result.error();
  }
  const sim::Summary& summary = result.value().summary;
  const double hundreds = static_cast<double>(trace.jobs.size()) / 100;
  return Figures{.by_size = 100 * summary.acceptance_by_size,
                 .mean_wait_s = summary.wait_s_mean,
                 .moved = static_cast<double>(summary.reshapes) / hundreds,
                 .lost_percent = restarts.lost_percent(options.reshape.restart_ns, 100),
                 .emptied = static_cast<double>(summary.triggers.emptied_gpus) / hundreds,
                 .drifts = static_cast<double>(summary.triggers.drifts)};
}

/// Both queues, for every regime.
Result<std::array<Figures, regimes.size()>> run_cell(const Cell& cell, std::uint64_t seed) {
  const std::map<std::string, std::string> parameters = {{"mix", std::string(cell.mix)},
                                                         {"then", std::string(cell.then)},
                                                         {"load", std::string(cell.load)},
                                                         {"jobs", std::string(cell.jobs)}};
  const Result<sim::Trace> trace = sim::generate_trace("mig-mix", parameters, seed);
  if (!trace) {
    return trace.error();
  }
  std::array<Figures, regimes.size()> rows;
  for (std::size_t i = 0; i < regimes.size(); ++i) {
    const Result<Figures> rejecting = replay(trace.value(), cell, regimes[i], seed, sim::QueueDiscipline::reject);
    const Result<Figures> waiting = replay(trace.value(), cell, regimes[i], seed, sim::QueueDiscipline::backfill);
    if (!rejecting || !waiting) {
      return rejecting ? waiting.error() : rejecting.error();
    }
    rows[i].add(rejecting.value(), 0.5);
    rows[i].add(waiting.value(), 0.5);
    rows[i].by_size = rejecting.value().by_size;
    rows[i].mean_wait_s = waiting.value().mean_wait_s;
  }
  return rows;
}

/// Prints one cell; false where a claim about it fails.
bool print_cell(const Cell& cell, const std::array<Figures, regimes.size()>& rows) {
  constexpr double least_won = 0.8;  // points by slices at load 1.0
  for (std::size_t i = 0; i < regimes.size(); ++i) {
    const Figures& row = rows[i];
    std::printf("%-13s %-15s %6.2f  %7.1f s  %6.2f  %6.2f  %6.3f %%  %5.1f\n",
                i == 0 ? std::string(cell.name).c_str() : "", std::string(regimes[i].name).c_str(), row.by_size,
                row.mean_wait_s, row.moved, row.emptied, row.lost_percent, row.drifts);
  }
  const bool wins = cell.load != "1.0" || rows[periodic].by_size - rows[0].by_size >= least_won;
  const bool gate_saves = rows[periodic_gated].moved < 0.5 * rows[periodic].moved;
  const double drifts = rows[1].drifts;
  const bool sees_drift = cell.shifts() ? drifts >= 1 : drifts == 0;
  return wins && gate_saves && sees_drift;
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments(
      "Replays online MIG demand (100 GPUs, a steady and a shifting mix, two loads) under buddy with the triggers of\n"
      "reshapes: a blocked request, every 10 minutes, a drift of the demand, each with and without the gate. A move\n"
      "takes 10 s, costs 30 s and fails in 5 %. Exit code 1 when periodic compaction wins less than 0.8 points by\n"
      "slices at load 1.0, the gate saves less than half of its moves, a steady mix drifts or a shift is not seen.",
      {{"seeds", "10", "seeds per cell"}, {"first-seed", "1", "the first of them"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const auto seeds = bench::seeds_of(arguments);
  if (!seeds) {
    return 2;
  }
  const bench::Stopwatch watch;
  using Rows = std::array<Figures, regimes.size()>;
  const Result<std::vector<Rows>> all = bench::cells_times_seeds<Rows>(
      cells.size(), *seeds, [](std::size_t cell, std::uint64_t seed) { return run_cell(cells[cell], seed); });
  if (!all) {
    std::cerr << all.error().to_string() << "\n";
    return 1;
  }
  const std::vector<Rows>& runs = all.value();
  std::printf("mean of %zu seeds\n", static_cast<std::size_t>(seeds->count));
  std::printf(
      "%-13s %-15s accepted by slices, mean wait where jobs wait; per 100 arrivals: pods moved, GPUs emptied;\n",
      "mix, load", "triggers");
  std::printf("%-29s GPU time lost by restarts; drifts seen\n", "");
  bool good = true;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    Rows mean{};
    for (std::size_t s = 0; s < seeds->count; ++s) {
      for (std::size_t i = 0; i < regimes.size(); ++i) {
        mean[i].add(runs[c * seeds->count + s][i], 1.0 / static_cast<double>(seeds->count));
      }
    }
    good &= print_cell(cells[c], mean);
  }
  std::printf("wall %.1f s, CPU %.1f s\n%s\n", watch.seconds(), bench::process_cpu_s(),
              good ? "as claimed" : "NOT as claimed");
  return good ? 0 : 1;
}
