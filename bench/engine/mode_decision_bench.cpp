// What one choice of mode costs in a warm engine: submit, decide, commit, and the release of a random older job, on a
// cluster whose GPUs are 90 % in use, most of them in part. Refused decisions count too. And what a refusal costs where
// one pod may be moved.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched {
namespace {

constexpr std::uint64_t seed = 42;
constexpr std::int64_t gpus_per_node = 8;
constexpr std::size_t kinds_of_job = 600;  ///< each with a profile of its own

/// A cluster of A100-80GB GPUs that the jobs of mode-mix (mixedday; a tenth without profile) keep 90 % in use.
class ModeCluster {
 public:
  ModeCluster(std::int64_t gpus, const std::string& policy, ReshapeOptions reshape = {})
      : engine_(Engine::create({.policy = parse_policy(policy).value(),
                                .seed = seed,
                                .target = {},
                                .preemption = false,
                                .reshape = reshape})
                    .value()),
        draws_(seed, StreamPurpose::request) {
    const sim::Trace trace = sim::generate_trace("mode-mix", {{"unknown", "0.1"}}, seed).value();
    for (const JobProfile& profile : trace.profiles) {
      check(engine_.observe({0, ProfileLoaded{profile}}));
    }
    for (std::int64_t i = 0; i * gpus_per_node < gpus; ++i) {
      sim::TraceNode node = trace.nodes.front();
      node.id = "node-" + std::to_string(10'000'000 + i);
      check(engine_.observe({0, NodeAdded{sim::to_node_spec(node).value()}}));
    }
    for (const sim::TraceJob& job : trace.jobs) {
      const GpuRequest& request = trace.specs[job.spec].request;
      if (states_intent(request) && classes_.size() < kinds_of_job) {  // gangs have no mode to choose
        classes_.push_back(engine_.intern(request));
      }
    }
    while (!is_full()) {
      replace();
    }
    for (std::size_t left = running_.size(); left > 0; --left) {
      replace();
    }
    restart_counts();
  }

  /// One arrival; then, in the mean, one departure: up to two while more than 90 % are in use, none below.
  void replace() {
    PodId pod{pods_};
    if (free_pods_.empty()) {
      ++pods_;
    } else {
      pod = free_pods_.back();
      free_pods_.pop_back();
    }
    const RequestClassId job = classes_[next_];
    next_ = next_ + 1 == classes_.size() ? 0 : next_ + 1;
    check(engine_.observe({0, PodSubmitted{.pod = pod, .request = job, .version = 0}}));
    const Decision decision = engine_.decide(job, 0);
    ++decisions_;
    if (const Bind* bind = std::get_if<Bind>(&decision)) {
      ++chosen_[static_cast<std::size_t>(bind->mode->mode)];
      actions_.clear();
      check(engine_.commit(pod, decision, 0, actions_));
      running_.push_back(pod);
    } else {
      ++refused_;
      finish(pod);
    }
    for (int i = 0; i < 2 && is_full(); ++i) {
      std::swap(running_[draws_.next_below(static_cast<std::uint32_t>(running_.size()))], running_.back());
      finish(running_.back());
      running_.pop_back();
      ++released_;
    }
  }

  /// A job that wants half a GPU for itself, once there have come so many that none finds a place without a move.
  RequestClassId blocked_job() {
    GpuRequest request = engine_.state().request(classes_.front());
    request.job_class = JobClass::dev;  // who stays where it is
    request.isolation = Isolation::memory;
    request.gpu_memory_mib = 35 * 1024;
    const RequestClassId half = engine_.intern(request);
    for (const PodId pod : running_) {
      const Candidate place = engine_.state().pod(pod)->placement;
      check(engine_.observe({0, PodBound{.pod = pod, .placement = place, .version = 0}}));
    }
    for (bool placed = true; placed; ++pods_) {
      check(engine_.observe({0, PodSubmitted{.pod = PodId{pods_}, .request = half, .version = 0}}));
      const Decision decision = engine_.decide(half, 0);
      placed = std::holds_alternative<Bind>(decision);
      if (placed) {
        check(engine_.commit(PodId{pods_}, decision, 0, actions_));
      }
    }
    return half;
  }
  Engine& engine() { return engine_; }

  void restart_counts() {
    decisions_ = refused_ = released_ = 0;
    chosen_ = {};
  }

  void report(benchmark::State& bench) const {
    const auto of_decisions = [&](std::uint64_t count) {
      return 100.0 * static_cast<double>(count) / static_cast<double>(decisions_);
    };
    bench.SetItemsProcessed(bench.iterations());
    bench.counters["gpus"] = static_cast<double>(engine_.state().total_gpus());
    bench.counters["jobs"] = static_cast<double>(running_.size());
    bench.counters["used_%"] =
        100.0 * static_cast<double>(engine_.state().active_gpus()) / static_cast<double>(engine_.state().total_gpus());
    bench.counters["refused_%"] = of_decisions(refused_);
    bench.counters["released_%"] = of_decisions(released_);
    for (std::size_t i = 0; i < mode_kind_count; ++i) {
      bench.counters[std::string(to_string(static_cast<ModeKind>(i))) + "_%"] = of_decisions(chosen_[i]);
    }
  }

 private:
  static void check(const Status& status) { GPUSCHED_CHECK(status.ok(), status.error().to_string()); }

  bool is_full() const { return 10 * engine_.state().active_gpus() > 9 * engine_.state().total_gpus(); }

  void finish(PodId pod) {
    check(engine_.observe({0, PodFinished{.pod = pod, .version = 0}}));
    free_pods_.push_back(pod);
  }

  Engine engine_;
  Philox draws_;
  std::vector<RequestClassId> classes_;
  std::vector<PodId> running_, free_pods_;
  std::vector<Action> actions_;
  std::size_t next_ = 0;
  std::uint32_t pods_ = 0;
  std::uint64_t decisions_ = 0, refused_ = 0, released_ = 0;
  std::array<std::uint64_t, mode_kind_count> chosen_{};
};

/// Building takes longer than measuring: repetitions share the state, another size or policy replaces it.
ModeCluster& mode_cluster(std::int64_t gpus, const std::string& policy) {
  static std::pair<std::int64_t, std::string> built;
  static std::unique_ptr<ModeCluster> cluster;
  if (!cluster || built != std::pair(gpus, policy)) {
    cluster.reset();
    cluster = std::make_unique<ModeCluster>(gpus, policy);
    built = {gpus, policy};
  }
  cluster->restart_counts();
  return *cluster;
}

void mode(benchmark::State& bench, const std::string& policy) {
  ModeCluster& cluster = mode_cluster(bench.range(0), policy);
  for (auto _ : bench) {
    cluster.replace();
  }
  cluster.report(bench);
}

void blocked(benchmark::State& bench, bool moves) {
  ModeCluster cluster(bench.range(0), "auto:class_lead=1", {.one_move_on_block = moves});
  const RequestClassId job = cluster.blocked_job();
  std::uint64_t moved = 0, decisions = 0;
  for (auto _ : bench) {
    const Decision decision = cluster.engine().decide(job, 0);
    moved += std::holds_alternative<ReshapeThenBind>(decision) ? 1 : 0;
    ++decisions;
  }
  bench.counters["moved_%"] = 100.0 * static_cast<double>(moved) / static_cast<double>(decisions);
}

BENCHMARK_CAPTURE(blocked, stays, false)->ArgName("gpus")->Arg(100)->Arg(10'000)->Arg(100'000);
BENCHMARK_CAPTURE(blocked, has_one_moved, true)->ArgName("gpus")->Arg(100)->Arg(10'000)->Arg(100'000);
BENCHMARK_CAPTURE(mode, auto, std::string("auto")) -> ArgName("gpus") -> Arg(100) -> Arg(10'000) -> Arg(1'000'000);
BENCHMARK_CAPTURE(mode, mig_dynamic, std::string("mig_dynamic"))->ArgName("gpus")->Arg(100)->Arg(10'000);

}  // namespace
}  // namespace gpusched
