// gpusched-suite-job: one process, one synthetic job. It prepares the job, checks its result, prints a ready line,
// waits for a line on standard input where asked to, works, checks again and prints what it measured. It reads the
// device and changes no setting of it.

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "gpusched/profiler/suite/job_options.hpp"
#include "gpusched/profiler/suite/latency.hpp"

#include "device.cuh"
#include "work_loop.cuh"

namespace gpusched::suite {

namespace {

void print(const FlatObject& line) {
  // A pipe is read line by line while this process goes on.
  std::cout << line.line() << std::endl;
}

/// Runs a few items, so that clocks rise and caches fill, and the result is known to be right before anything is timed.
void prepare(SuiteJob& job, cudaStream_t stream) {
  constexpr int items = 3;
  for (int i = 0; i < items; ++i) {
    job.enqueue(stream);
  }
  require(cudaStreamSynchronize(stream), "first items");
}

void add_job(FlatObject& line, const JobOptions& options) {
  const ItemCost cost = item_cost(*options.kind);
  line.set("job", std::string(options.kind->name))
      .set("load", options.load)
      .set("mean_items", options.mean_items)
      .set("flops_per_item", cost.flops)
      .set("bytes_per_item", cost.bytes)
      .set("footprint_mib", static_cast<double>(cost.footprint_bytes) / (1 << 20));
}

void add_check(FlatObject& line, const CheckOutcome& outcome) {
  line.set("check", outcome.wrong == 0 ? "ok" : "failed")
      .set("check_compared", outcome.compared)
      .set("check_wrong", outcome.wrong);
  if (outcome.wrong > 0) {
    line.set("check_first_wrong", outcome.first_wrong);
  }
}

/// False where whoever started this process is gone.
bool wait_for_start() {
  std::string line;
  return static_cast<bool>(std::getline(std::cin, line));
}

int run_job(const JobOptions& options) {
  Device device(options.sms);
  FlatObject ready = device.description();
  if (options.kind == nullptr) {
    ready.set("event", "device");
    if (const std::optional<std::string> version = cublas_version()) {
      ready.set("cublas", *version);
    }
    print(ready);
    return 0;
  }
  const std::unique_ptr<SuiteJob> job = make_job(*options.kind, device.stream());
  double item_ms = 0;
  if (job != nullptr) {
    prepare(*job, device.stream());
    const CheckOutcome outcome = job->check();
    add_check(ready, outcome);
    item_ms = outcome.wrong == 0 && options.load > 0 ? calibrate_item_ms(*job, device.stream()) : 0;
  }
  ready.set("event", "ready").set("item_ms", item_ms);
  add_job(ready, options);
  print(ready);
  if (options.wait && !wait_for_start()) {
    std::cerr << "gpusched-suite-job: standard input ended before the start\n";
    return 1;
  }

  const WorkRecord record = work(job.get(), options, item_ms, device.stream());
  const LatencySummary latency = summarize_latency(record.latencies_ms);
  FlatObject result;
  result.set("event", "result")
      .set("job", std::string(options.kind->name))
      .set("seconds", record.seconds)
      .set("items", static_cast<double>(record.items))
      .set("items_per_s", record.seconds > 0 ? static_cast<double>(record.items) / record.seconds : 0.0)
      .set("requests", static_cast<double>(record.requests))
      .set("backlog", static_cast<double>(record.backlog))
      .set("load", record.load)
      .set("device_busy", record.seconds > 0 ? record.device_busy_s / record.seconds : 0.0)
      .set("latency_ms_mean", latency.mean)
      .set("latency_ms_p50", latency.p50)
      .set("latency_ms_p90", latency.p90)
      .set("latency_ms_p95", latency.p95)
      .set("latency_ms_p99", latency.p99)
      .set("latency_ms_max", latency.most);
  if (job != nullptr) {
    add_check(result, job->check());
  }
  print(result);
  return result.text("check").value_or("ok") == "ok" ? 0 : 1;
}

int run(const std::vector<std::string>& words) {
  const Result<JobOptions> options = parse_job_options(words);
  if (!options) {
    std::cerr << "gpusched-suite-job: " << options.error().to_string() << "\n";
    return 2;
  }
  if (options.value().help) {
    std::cout << job_help();
    return 0;
  }
  return run_job(options.value());
}

}  // namespace

}  // namespace gpusched::suite

int main(int argc, char** argv) {
  try {
    return gpusched::suite::run({argv + 1, argv + argc});
  } catch (const gpusched::suite::DeviceError& problem) {
    std::cerr << "gpusched-suite-job: " << problem.what() << "\n";
  } catch (const std::exception& bug) {
    std::cerr << "gpusched-suite-job: internal error, please report it: " << bug.what() << "\n";
  }
  return 1;
}
