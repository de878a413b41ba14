// What a lookup of the cheapest repair inside one GPU costs, and what building the table costs.
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/repair_table.hpp"

namespace {

using namespace gpusched;

void repair_lookup(benchmark::State& state) {
  const GpuModelId model = find_gpu_model("H100-SXM5-80GB").value();
  const MigLattice& lattice = MigLattice::of(model);
  const RepairTable& table = RepairTable::of(model);
  Philox draws(42, StreamPurpose::request);
  struct Query {
    MigLattice::StateId state;
    int shape;
  };
  std::vector<Query> queries(4096);
  for (Query& query : queries) {
    query = {draws.next_below(lattice.state_count()), static_cast<int>(draws.next_below(6))};
  }
  std::size_t i = 0;
  for (auto _ : state) {
    const Query& query = queries[i % queries.size()];
    const Repair& found = table.at(query.state, query.shape);
    i += 1 + found.units;  // the next one waits for this one
  }
  benchmark::DoNotOptimize(i);
}
BENCHMARK(repair_lookup);

void repair_table_build(benchmark::State& state) {
  const MigLattice& lattice = MigLattice::of(find_gpu_model("H100-SXM5-80GB").value());
  for (auto _ : state) {
    benchmark::DoNotOptimize(RepairTable(lattice));
  }
}
BENCHMARK(repair_table_build)->Unit(benchmark::kMillisecond);

}  // namespace
