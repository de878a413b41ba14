// What one decision costs in a warm engine: submit, decide, commit, and the release of an older job of the same kind,
// so that the cluster stays 90 % full and its residuals stay mixed.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/base/check.hpp"
#include "gpusched/base/huge_page_allocator.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched {
namespace {

constexpr std::uint64_t seed = 42;
constexpr double fill = 0.9;

/// Which cluster, which demand, which policy.
struct Setup {
  std::string generator;
  std::map<std::string, std::string> parameters;
  std::string policy;

  friend bool operator==(const Setup&, const Setup&) = default;
};

/// A cluster that is 90 % full and has seen as many jobs come and go as it holds.
class WarmCluster {
 public:
  explicit WarmCluster(const Setup& setup)
      : trace_(sim::generate_trace(setup.generator, setup.parameters, seed).value()),
        engine_(Engine::create({.policy = parse_policy(setup.policy).value(),
                                .seed = seed,
                                .target = sim::demand_of(trace_),
                                .preemption = false})
                    .value()),
        draws_(seed, StreamPurpose::request) {
    for (const sim::TraceNode& node : trace_.nodes) {
      check(engine_.observe({0, NodeAdded{sim::to_node_spec(node).value()}}));
    }
    for (const sim::JobSpec& spec : trace_.specs) {
      classes_.push_back(engine_.intern(spec.request));
    }
    running_.resize(classes_.size());
    while (filled() < fill) {
      place(next_spec());
    }
    for (std::uint64_t left = running_jobs_; left > 0; --left) {
      replace(next_spec());
    }
    decisions_ = refused_ = 0;
  }

  /// One arrival of the demand: placed, and an older job of its kind released; dropped where it does not fit.
  void replace(std::uint32_t spec) {
    const std::uint32_t older = draw_older(spec);
    if (place(spec)) {
      release(spec, older);
    }
  }

  /// The same for a gang of equal pods.
  void replace_gang(std::uint32_t spec, std::size_t size) {
    gang_.clear();
    for (std::size_t i = 0; i < size; ++i) {
      gang_.push_back(submit(spec));
    }
    ++decisions_;
    const std::vector<Decision> decisions = engine_.decide_gang(gang_, 0);
    if (decisions.size() < size) {
      ++refused_;
      for (const PodId pod : gang_) {
        finish(pod);
      }
      return;
    }
    for (std::size_t i = 0; i < size; ++i) {
      commit(spec, gang_[i], decisions[i]);
    }
    for (std::size_t i = 0; i < size; ++i) {
      release(spec, draw_older(spec));
    }
  }

  std::uint32_t next_spec() {
    const std::uint32_t spec = trace_.jobs[next_job_].spec;
    next_job_ = next_job_ + 1 == trace_.jobs.size() ? 0 : next_job_ + 1;
    return spec;
  }

  /// The most frequent kind among those that run and ask for `num_gpu` devices or instances, whole ones if not MIG.
  std::uint32_t common_spec(std::int32_t num_gpu) const {
    std::uint32_t best = 0;
    std::size_t most = 0;
    for (std::uint32_t i = 0; i < trace_.specs.size(); ++i) {
      const GpuRequest& request = trace_.specs[i].request;
      if (request.num_gpu == num_gpu && request.gpu_milli == 1000 && running_[i].size() > most) {
        best = i;
        most = running_[i].size();
      }
    }
    return best;
  }

  double filled() const {
    const ClusterState& state = engine_.state();
    return state.used_mig_units() > 0
               ? static_cast<double>(state.used_mig_units()) / static_cast<double>(state.total_mig_units())
               : static_cast<double>(state.used_gpu_milli()) / (1000.0 * static_cast<double>(state.total_gpus()));
  }

  void restart_counts() { decisions_ = refused_ = 0; }

  void report(benchmark::State& bench) const {
    bench.SetItemsProcessed(bench.iterations());
    bench.counters["gpus"] = static_cast<double>(engine_.state().total_gpus());
    bench.counters["jobs"] = static_cast<double>(running_jobs_);
    bench.counters["full_%"] = 100.0 * filled();
    bench.counters["refused_%"] = 100.0 * static_cast<double>(refused_) / static_cast<double>(decisions_);
  }

 private:
  /// On huge pages, like the engine's own tables: what the bench itself keeps should cost little beside them.
  using Pods = std::vector<PodId, HugePageAllocator<PodId>>;

  static void check(const Status& status) { GPUSCHED_CHECK(status.ok(), status.error().to_string()); }

  PodId submit(std::uint32_t spec) {
    PodId pod{pods_};
    if (free_pods_.empty()) {
      ++pods_;
    } else {
      pod = free_pods_.back();
      free_pods_.pop_back();
    }
    check(engine_.observe({0, PodSubmitted{.pod = pod, .request = classes_[spec], .version = 0}}));
    return pod;
  }

  void commit(std::uint32_t spec, PodId pod, const Decision& decision) {
    actions_.clear();
    check(engine_.commit(pod, decision, 0, actions_));
    running_[spec].push_back(pod);
    ++running_jobs_;
  }

  bool place(std::uint32_t spec) {
    const PodId pod = submit(spec);
    ++decisions_;
    const Decision decision = engine_.decide(classes_[spec], 0);
    benchmark::DoNotOptimize(&decision);
    if (!std::holds_alternative<Bind>(decision)) {
      ++refused_;
      finish(pod);
      return false;
    }
    commit(spec, pod, decision);
    return true;
  }

  /// Any running job of the kind, by its place in our list. The list of two million is ours, not the engine's: its
  /// line is fetched while the engine works, so that only what the engine reads is waited for.
  std::uint32_t draw_older(std::uint32_t spec) {
    const Pods& running = running_[spec];
    if (running.empty()) {
      return 0;  // the job about to be placed
    }
    const std::uint32_t older = draws_.next_below(static_cast<std::uint32_t>(running.size()));
    __builtin_prefetch(&running[older]);
    return older;
  }

  void release(std::uint32_t spec, std::uint32_t older) {
    Pods& running = running_[spec];
    std::swap(running[older], running.back());
    finish(running.back());
    running.pop_back();
    --running_jobs_;
  }

  void finish(PodId pod) {
    check(engine_.observe({0, PodFinished{.pod = pod, .version = 0}}));
    free_pods_.push_back(pod);
  }

  sim::Trace trace_;
  Engine engine_;
  Philox draws_;
  std::vector<RequestClassId> classes_;
  std::vector<Pods> running_;  // by spec
  std::vector<PodId> free_pods_;
  std::vector<PodId> gang_;
  std::vector<Action> actions_;
  std::size_t next_job_ = 0;
  std::uint32_t pods_ = 0;
  std::uint64_t running_jobs_ = 0;
  std::uint64_t decisions_ = 0;
  std::uint64_t refused_ = 0;
};

/// Building takes longer than measuring: repetitions share the state, a new setup replaces it.
WarmCluster& warm_cluster(const Setup& setup) {
  static Setup built;
  static std::unique_ptr<WarmCluster> cluster;
  if (!cluster || !(built == setup)) {
    cluster.reset();
    cluster = std::make_unique<WarmCluster>(setup);
    built = setup;
  }
  cluster->restart_counts();
  return *cluster;
}

Setup mig_setup(std::int64_t gpus, const std::string& policy) {
  return {.generator = "mig-mix", .parameters = {{"gpus", std::to_string(gpus)}, {"jobs", "100000"}}, .policy = policy};
}

Setup openb_setup(std::int64_t nodes, const std::string& policy) {
  return {
      .generator = "openb-like", .parameters = {{"nodes", std::to_string(nodes)}, {"jobs", "50000"}}, .policy = policy};
}

/// False, and the bench is skipped, where the library has no such policy.
bool knows_policy(benchmark::State& bench, const Setup& setup) {
  const Result<PolicyChoice> choice = parse_policy(setup.policy);
  if (!choice) {
    bench.SkipWithError(choice.error().to_string().c_str());
  }
  return choice.ok();
}

void run(benchmark::State& bench, const Setup& setup) {
  if (!knows_policy(bench, setup)) {
    return;
  }
  WarmCluster& cluster = warm_cluster(setup);
  for (auto _ : bench) {
    cluster.replace(cluster.next_spec());
  }
  cluster.report(bench);
}

void run_gangs(benchmark::State& bench, const Setup& setup) {
  if (!knows_policy(bench, setup)) {
    return;
  }
  WarmCluster& cluster = warm_cluster(setup);
  const std::uint32_t spec = cluster.common_spec(1);
  for (auto _ : bench) {
    cluster.replace_gang(spec, static_cast<std::size_t>(bench.range(1)));
  }
  cluster.report(bench);
}

void mig(benchmark::State& bench, const std::string& policy) { run(bench, mig_setup(bench.range(0), policy)); }
void openb(benchmark::State& bench, const std::string& policy) { run(bench, openb_setup(bench.range(0), policy)); }
void gang_mig(benchmark::State& bench, const std::string& policy) {
  run_gangs(bench, mig_setup(bench.range(0), policy));
}
void gang_openb(benchmark::State& bench, const std::string& policy) {
  run_gangs(bench, openb_setup(bench.range(0), policy));
}

BENCHMARK_CAPTURE(mig, buddy, std::string("buddy"))->ArgName("gpus")->Arg(100)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(gang_mig, buddy, std::string("buddy"))->ArgNames({"gpus", "pods"})->Args({10'000, 8});

// 1,523 nodes are the size of openb; ten times as many show the growth.
BENCHMARK_CAPTURE(openb, best_fit, std::string("best_fit"))->ArgName("nodes")->Arg(1'523)->Arg(15'230);
BENCHMARK_CAPTURE(openb, fgd, std::string("fgd"))->ArgName("nodes")->Arg(1'523)->Arg(15'230);
BENCHMARK_CAPTURE(openb, placeable, std::string("placeable"))->ArgName("nodes")->Arg(1'523);
BENCHMARK_CAPTURE(openb, placeable_online, std::string("placeable_online"))->ArgName("nodes")->Arg(1'523);
BENCHMARK_CAPTURE(gang_openb, fgd, std::string("fgd"))->ArgNames({"nodes", "pods"})->Args({1'523, 8});

}  // namespace
}  // namespace gpusched
