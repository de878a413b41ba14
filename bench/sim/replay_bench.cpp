// Whole replays from a trace in memory to results on disk: wall seconds and peak memory.
#include <filesystem>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/result_files.hpp"

#include "../../tests/published/openb_published.hpp"
#include "table_program.hpp"

namespace gpusched {
namespace {

/// Largest resident set of the process so far, MiB: the benches run in order of size.
double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

/// A directory of its own under the system's temporary one, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_(std::filesystem::temp_directory_path() / ("gpusched-replay-bench-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// openb's default list, all of 130 %, as published: FGD with its curve.
void openb_default(benchmark::State& state) {
  const std::filesystem::path openb = std::filesystem::path(bench::data_dir()) / "openb";
  if (!std::filesystem::exists(openb)) {
    state.SkipWithError((openb.string() + " does not exist: set GPUSCHED_DATA_DIR").c_str());
    return;
  }
  const published::OpenbList list = published::load_openb_list(openb, "default").value();
  const sim::SimulationOptions options = published::openb_options(openb, list, published::first_seed).value();
  std::int64_t used_milli = 0;
  for (auto _ : state) {
    used_milli = published::replay_openb(list, options, published::published_fgd.policy).value().final_used_milli;
  }
  state.counters["used_milli"] = static_cast<double>(used_milli);
  state.counters["peak_rss_mib"] = peak_rss_mib();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(options.arrival_order.size()));
}
BENCHMARK(openb_default)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A million MIG jobs on 100,000 GPUs, summary, timeline and one row per job written.
void mig_mix_million(benchmark::State& state, sim::QueueDiscipline queue) {
  const bench::Stopwatch generation;
  const sim::Trace trace =
      sim::generate_trace("mig-mix", {{"gpus", "100000"}, {"jobs", "1000000"}, {"load", "1.0"}}, 42).value();
  state.counters["generate_s"] = generation.seconds();
  sim::SimulationOptions options;
  options.policy = parse_policy("buddy").value();
  options.queue = queue;
  options.target = sim::demand_of(trace);
  const TemporaryDirectory directory;
  double acceptance = 0;
  double write_s = 0;
  for (auto _ : state) {
    const sim::SimulationResult result = sim::simulate(trace, options).value();
    acceptance = result.summary.acceptance;
    const bench::Stopwatch writing;
    const Status written = sim::write_results(directory.path(), trace, result);
    GPUSCHED_CHECK(written.ok(), written.error().to_string());
    write_s = writing.seconds();
  }
  state.counters["write_s"] = write_s;
  state.counters["accepted_%"] = 100.0 * acceptance;
  state.counters["peak_rss_mib"] = peak_rss_mib();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(trace.jobs.size()));
}
BENCHMARK_CAPTURE(mig_mix_million, reject, sim::QueueDiscipline::reject)
    ->Unit(benchmark::kSecond)
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK_CAPTURE(mig_mix_million, backfill, sim::QueueDiscipline::backfill)
    ->Unit(benchmark::kSecond)
    ->Iterations(1)
    ->UseRealTime();

}  // namespace
}  // namespace gpusched
