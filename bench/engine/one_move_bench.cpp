// What looking for one move costs when a MIG request is blocked: where one is found, and where nobody may move.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace {

using namespace gpusched;

constexpr std::array<const char*, 6> profiles = {"1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"};

GpuRequest request_for(const char* profile, JobClass job_class) {
  GpuRequest request;
  request.num_gpu = 1;
  request.gpu_milli = milli_per_unit;
  request.mig_profile = profile;
  request.mode = SharingMode::mig;
  request.job_class = job_class;
  return request;
}

/// A cluster full of instances after as many have come and gone, in which a 4g finds no place.
class BlockedCluster {
 public:
  BlockedCluster(std::int64_t gpus, JobClass job_class)
      : engine_(Engine::create({.policy = parse_policy("buddy").value(),
                                .seed = 1,
                                .target = {},
                                .preemption = true,
                                .reshape = {.one_move_on_block = true}})
                    .value()) {
    const GpuModelId model = find_gpu_model("H100-80GB-SXM5").value();
    for (std::int64_t i = 0; i < (gpus + 7) / 8; ++i) {
      NodeSpec node;
      node.name = "n" + std::to_string(i);
      node.cpu_milli = 128'000;
      node.memory_mib = 1 << 20;
      node.gpus.assign(static_cast<std::size_t>(std::min<std::int64_t>(8, gpus - 8 * i)),
                       {.model = model, .memory_mib = 81'920});
      node.sharing = NodeSharing::mig;
      check(engine_.observe({0, NodeAdded{node}}));
    }
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      requests_[i] = engine_.intern(request_for(profiles[i], job_class));
    }
    for (std::int64_t i = 0; i < gpus * 8; ++i) {
      place(draws_.next_below(6));
    }
    for (std::int64_t i = 0; i < gpus * 8; ++i) {
      const std::size_t leaver = draws_.next_below(static_cast<std::uint32_t>(running_.size()));
      check(engine_.observe({0, PodFinished{running_[leaver], 0}}));
      running_[leaver] = running_.back();
      running_.pop_back();
      place(draws_.next_below(6));
    }
    while (place(4)) {
    }
  }

  Decision decide() { return engine_.decide(requests_[4], 0); }

 private:
  static void check(const Status& status) {
    GPUSCHED_CHECK(status.ok(), status.ok() ? "" : status.error().to_string());
  }
  bool place(std::size_t shape) {
    const Decision decision = engine_.decide(requests_[shape], 0);
    const auto* bind = std::get_if<Bind>(&decision);
    if (bind == nullptr) {
      return false;
    }
    const PodId pod{next_pod_++};
    check(engine_.observe({0, PodSubmitted{pod, requests_[shape], 0}}));
    check(engine_.observe({0, PodBound{pod, bind->candidate, 0}}));
    running_.push_back(pod);
    return true;
  }

  Engine engine_;
  Philox draws_{42, StreamPurpose::request};
  std::array<RequestClassId, 6> requests_{};
  std::vector<PodId> running_;
  std::uint32_t next_pod_ = 0;
};

void blocked_decision(benchmark::State& state, JobClass job_class) {
  BlockedCluster cluster(state.range(0), job_class);
  std::int64_t found = 0;
  for (auto _ : state) {
    const Decision decision = cluster.decide();
    found += std::holds_alternative<ReshapeThenBind>(decision) ? 1 : 0;
    benchmark::DoNotOptimize(decision);
  }
  state.counters["found"] = found > 0 ? 1 : 0;
}
BENCHMARK_CAPTURE(blocked_decision, movable, JobClass::batch)
    ->Arg(100)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(blocked_decision, nobody_may_move, JobClass::dev)
    ->Arg(100)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
