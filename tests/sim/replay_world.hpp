#pragma once

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Jobs that ask for one MIG instance each, on a few GPUs cut under first_fit, and what became of them.
class ReplayWorld : public ::testing::Test {
 protected:
  explicit ReplayWorld(const char* cluster) {
    trace.nodes = parse_cluster_shorthand(cluster).value();
    options.policy.name = "first_fit";
    options.reshape.delay_ns = 20 * ns_per_s;
  }
  GpuRequest& job(const std::string& id, TimeNs submit_s, TimeNs duration_s, const std::string& profile) {
    JobSpec spec;
    spec.request.num_gpu = 1;
    spec.request.gpu_milli = 1000;
    spec.request.mig_profile = profile;
    spec.request.mode = SharingMode::mig;
    trace.specs.push_back(spec);
    TraceJob row;
    row.id = id;
    row.submit_ns = submit_s * ns_per_s;
    row.duration_ns = duration_s * ns_per_s;
    row.spec = static_cast<std::uint32_t>(trace.specs.size() - 1);
    trace.jobs.push_back(row);
    return trace.specs.back().request;
  }
  void run() {
    const Result<SimulationResult> simulated = simulate(trace, options);
    ASSERT_TRUE(simulated.ok()) << simulated.error().to_string();
    result = simulated.value();
  }
  /// "start..end outcome", seconds.
  std::string fate(std::size_t i) const {
    const JobResult& one = result.jobs[i];
    const auto text = [](TimeNs ns) { return ns < 0 ? std::string("-") : std::to_string(ns / ns_per_s); };
    return text(one.start_ns) + ".." + text(one.end_ns) + " " + to_string(one.outcome);
  }

  Trace trace;
  SimulationOptions options;
  SimulationResult result;
};

}  // namespace gpusched::sim
