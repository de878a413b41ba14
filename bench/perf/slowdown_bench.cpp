// What one evaluation of a shared partition costs.
#include <array>
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

namespace {

using namespace gpusched;

constexpr std::size_t partitions = 1024;  // different ones, so that branches are not learnt
constexpr std::size_t most_tenants = 8;

std::vector<TenantDemand> random_tenants() {
  Philox random(1, StreamPurpose::request);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::int32_t>(random.next_below(bound)); };
  std::vector<TenantDemand> tenants(partitions * most_tenants);
  for (TenantDemand& tenant : tenants) {
    tenant.engine_active_milli = 100 + below(900);
    tenant.dram_active_milli = below(800);
    tenant.mps_demand_milli = 50 + below(800);
    tenant.service = below(2) == 0;
    tenant.load_milli = below(100);
    tenant.activity_milli = below(1000);
    tenant.service_time_us = 1000 + below(100'000);
  }
  return tenants;
}

template <void (*law)(std::span<const TenantDemand>, const PerfConstants&, std::span<double>)>
void evaluate(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<TenantDemand> tenants = random_tenants();
  const PerfConstants constants;
  std::array<double, most_tenants> slowdown{};
  std::size_t next = 0;
  for (auto _ : state) {
    law({tenants.data() + next * most_tenants, count}, constants, {slowdown.data(), count});
    benchmark::DoNotOptimize(slowdown);
    next = (next + 1) % partitions;
  }
}

void slice(benchmark::State& state) {
  JobProfile job;
  job.gpu_model = find_gpu_model("H100-80GB-SXM5").value();
  job.engine_active.mean = 0.9;
  job.dram_active.mean = 0.3;
  const PerfConstants constants;
  for (auto _ : state) {
    benchmark::DoNotOptimize(slice_slowdown_milli(job, job.gpu_model, MigProfileId{0}, constants));
  }
}

BENCHMARK(evaluate<time_slice_slowdown>)->Name("time_slice_slowdown")->Arg(1)->Arg(2)->Arg(4)->Arg(8);
BENCHMARK(evaluate<mps_slowdown>)->Name("mps_slowdown")->Arg(1)->Arg(2)->Arg(4)->Arg(8);
BENCHMARK(slice)->Name("slice_slowdown_milli");

}  // namespace
