#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/compaction.hpp"
#include "gpusched/reshape/reshape_planner.hpp"

namespace gpusched {
namespace {

GpuModelId model() { return find_gpu_model("A100-80GB").value(); }

/// A GPU in a state, each instance holding a pod that may move, or pinned by chance in thousandths.
GpuLayout drawn_gpu(Philox& random, MigLattice::StateId state, std::uint32_t number, std::uint32_t pinned_milli) {
  const MigLattice& lattice = MigLattice::of(model());
  GpuLayout layout;
  layout.node = NodeId{number / 8};
  layout.gpu = static_cast<std::uint16_t>(number % 8);
  layout.model = model();
  for (std::uint32_t bits = lattice.placed(state); bits != 0; bits &= bits - 1) {
    const int index = std::countr_zero(bits);
    const MigPlacement& placement = lattice.placements()[static_cast<std::size_t>(index)];
    layout.partitions.push_back(
        {.profile = plain_profile(model(), placement.shape),
         .range = placement.range,
         .use = random.next_below(1000) < pinned_milli ? PartitionUse::pinned : PartitionUse::movable,
         .pod = PodId{number * 32 + static_cast<std::uint32_t>(index)}});
  }
  layout.sort();
  return layout;
}

/// Plans of one GPU, over all 723 states with every pod movable and all six shapes: mean time per plan.
void one_gpu_plan(benchmark::State& state, Actuation actuation) {
  const MigLattice& lattice = MigLattice::of(model());
  Philox random(1, StreamPurpose::request);
  std::vector<GpuLayout> gpus;
  for (MigLattice::StateId id = 0; id < lattice.state_count(); ++id) {
    gpus.push_back(drawn_gpu(random, id, id, 0));
  }
  ReshapePlanOptions options;
  options.actuation = actuation;
  std::size_t at = 0;
  for (auto _ : state) {
    const MigProfileId need = plain_profile(model(), static_cast<int>(at % 6));
    benchmark::DoNotOptimize(plan_room({&gpus[at / 6], 1}, 0, need, options));
    at = (at + 1) % (gpus.size() * 6);
  }
}
BENCHMARK_CAPTURE(one_gpu_plan, per_instance, Actuation::per_instance)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(one_gpu_plan, drain_gpu, Actuation::drain_gpu)->Unit(benchmark::kMicrosecond);

/// The dearest of those plans: the one that took longest when each was made once.
void one_gpu_plan_dearest(benchmark::State& state) {
  const MigLattice& lattice = MigLattice::of(model());
  Philox random(1, StreamPurpose::request);
  std::chrono::steady_clock::duration longest{};
  GpuLayout dearest;
  MigProfileId dearest_need;
  for (MigLattice::StateId id = 0; id < lattice.state_count(); ++id) {
    const GpuLayout gpu = drawn_gpu(random, id, 0, 0);
    for (int shape = 0; shape < 6; ++shape) {
      const MigProfileId need = plain_profile(model(), shape);
      auto shortest = std::chrono::steady_clock::duration::max();
      for (int repetition = 0; repetition < 3; ++repetition) {
        const auto begin = std::chrono::steady_clock::now();
        benchmark::DoNotOptimize(plan_room({&gpu, 1}, 0, need, {}));
        shortest = std::min(shortest, std::chrono::steady_clock::now() - begin);
      }
      if (shortest > longest) {
        longest = shortest;
        dearest = gpu;
        dearest_need = need;
      }
    }
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(plan_room({&dearest, 1}, 0, dearest_need, {}));
  }
}
BENCHMARK(one_gpu_plan_dearest)->Unit(benchmark::kMicrosecond);

/// A compaction plan; GPUs in drawn states, `state.range(1)` thousandths of the pods pinned.
void compaction(benchmark::State& state) {
  Philox random(2, StreamPurpose::request);
  std::vector<GpuLayout> gpus;
  for (std::uint32_t g = 0; g < static_cast<std::uint32_t>(state.range(0)); ++g) {
    const auto id = random.next_below(MigLattice::of(model()).state_count());
    gpus.push_back(drawn_gpu(random, id, g, static_cast<std::uint32_t>(state.range(1))));
  }
  std::size_t emptied = 0, moves = 0;
  for (auto _ : state) {
    const CompactionPlan plan = plan_compaction(gpus, {}).value();
    emptied = plan.emptied.size();
    moves = static_cast<std::size_t>(plan.plan.moved_pods());
  }
  state.counters["emptied"] = static_cast<double>(emptied);
  state.counters["moves"] = static_cast<double>(moves);
}
BENCHMARK(compaction)
    ->ArgNames({"gpus", "pinned_milli"})
    ->ArgsProduct({{100, 1000, 4000}, {0, 100}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gpusched
