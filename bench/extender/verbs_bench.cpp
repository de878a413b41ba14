// Server time of the verbs, body in to body out, and of what watches report, on clusters of 8-GPU nodes.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <time.h>
#include <unistd.h>

#include "gpusched/extender/verbs.hpp"

namespace {

using namespace gpusched;
using namespace gpusched::extender;

/// CPU time of this thread: the verbs wait for nothing, and other work on the machine does not count.
struct Clock {
  using duration = std::chrono::nanoseconds;
  static duration now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + duration(time.tv_nsec);
  }
};

std::string node_name(std::int64_t i) {
  std::string number = std::to_string(i);
  return "gpu-node-pool-a100-" + std::string(8 - number.size(), '0') + number + ".eu-west";
}

NodeUpdate node(std::int64_t i, int allocatable = 8) {
  NodeUpdate update;
  update.node.name = node_name(i);
  update.node.labels = {{"nvidia.com/gpu.count", "8"},
                        {"nvidia.com/gpu.memory", "81920"},
                        {"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"}};
  update.node.allocatable = {
      {"cpu", "64"}, {"memory", "512Gi"}, {"nvidia.com/gpu", std::to_string(allocatable)}, {"pods", "110"}};
  update.node.capacity = update.node.allocatable;
  update.node.capacity[2].second = "8";
  return update;
}

PodObject pod(std::int64_t i, int gpus, const std::string& on_node = {}) {
  PodObject object;
  object.ns = "team";
  object.name = "pod-" + std::to_string(i);
  object.uid = "0c1f44aa-93d2-4f6e-8c1b-" + std::to_string(100'000'000'000 + i);
  object.node_name = on_node;
  object.phase = on_node.empty() ? "Pending" : "Running";
  object.spec.containers.resize(1);
  object.spec.containers[0].requests = {{"cpu", "100m"}, {"memory", "64Mi"}};
  if (gpus > 0) {
    object.spec.containers[0].limits = {{"nvidia.com/gpu", std::to_string(gpus)}};
  }
  object.names_gpu = gpus > 0;
  return object;
}

class NoApi : public PodApi {
 public:
  BindingReply bind(const BindingWrite&) override { return {.fate = BindingFate::written, .message = {}}; }
  Result<std::optional<PodObject>> read_pod(const std::string&, const std::string&) override {
    return std::optional<PodObject>();
  }
};

/// A cluster where every node holds other pods; full: no node has a GPU left.
class Cluster {
 public:
  // Nodes before pods, as the service reads them.
  Cluster(std::int64_t nodes, std::size_t candidates, bool full, std::int64_t pods)
      : view_(ClusterView::create({.engine = {.policy = parse_policy("placeable_online").value(),
                                              .seed = 0,
                                              .target = {},
                                              .preemption = false},
                                   .log_sink = {}})
                  .value()),
        verbs_({.candidates = candidates, .now = [this] { return now_; }}, *view_, mutex_, api_) {
    for (std::int64_t i = 0; i < nodes; ++i) {
      view_->update_node(node(i), 0);
    }
    for (std::int64_t i = 0; i < nodes; ++i) {
      const auto held = static_cast<int>(full ? 8 : i * 7919 % 8);
      if (held > 0) {
        view_->update_pod(pod(i, held, node_name(i)), 0);
      }
    }
    for (std::int64_t i = nodes; i < pods; ++i) {
      view_->update_pod(pod(i, 0, node_name(i % nodes)), 0);
    }
  }

  ClusterView& view() { return *view_; }
  Verbs& verbs() { return verbs_; }

 private:
  std::unique_ptr<ClusterView> view_;
  std::mutex mutex_;
  NoApi api_;
  TimeNs now_ = 0;
  Verbs verbs_;
};

/// One at a time: the large ones need memory.
Cluster& cluster(std::int64_t nodes, std::size_t candidates, bool full, std::int64_t pods = 0) {
  using Key = std::tuple<std::int64_t, std::size_t, bool, std::int64_t>;
  static Key key{-1, 0, false, 0};
  static std::unique_ptr<Cluster> made;
  if (const Key wanted{nodes, candidates, full, pods}; !(key == wanted)) {
    made.reset();
    made = std::make_unique<Cluster>(nodes, candidates, full, pods);
    key = wanted;
  }
  return *made;
}

/// A call for that pod about `count` of the nodes, another part of them each time.
std::string body(std::int64_t serial, std::int64_t count, std::int64_t nodes) {
  std::string text = R"({"Pod":{"metadata":{"name":"p","namespace":"team","uid":"new-)" + std::to_string(serial) +
                     R"("},"spec":{"containers":[{"name":"c","resources":{"limits":{"nvidia.com/gpu":"1"}}}]}},)" +
                     R"("Nodes":null,"NodeNames":[)";
  for (std::int64_t i = 0; i < count; ++i) {
    text += (i > 0 ? ",\"" : "\"") + node_name((serial * count + i) % nodes) + "\"";
  }
  text += "]}";
  text.append(wire_padding, ' ');
  return text;
}

class Percentiles {
 public:
  void add(Clock::duration time) { us_.push_back(std::chrono::duration<double, std::micro>(time).count()); }
  void report(benchmark::State& state) {
    std::sort(us_.begin(), us_.end());
    state.counters["p50_us"] = us_[us_.size() / 2];
    state.counters["p99_us"] = us_[us_.size() * 99 / 100];
    state.counters["max_us"] = us_.back();
  }

 private:
  std::vector<double> us_;
};

/// names, nodes, candidates (0 = all), full
void bm_filter(benchmark::State& state) {
  Cluster& world = cluster(state.range(1), static_cast<std::size_t>(state.range(2)), state.range(3) != 0);
  Percentiles times;
  std::int64_t serial = 0;
  for (auto _ : state) {
    state.PauseTiming();
    // Between two calls the cluster moves on, as in life: a node changes, a pod comes or goes.
    const std::int64_t touched = serial * 31 % state.range(1);
    world.view().update_node(node(touched, state.range(3) != 0 || serial % 2 == 0 ? 8 : 7), 0);
    const std::string text = body(serial++, state.range(0), state.range(1));
    state.ResumeTiming();
    const auto start = Clock::now();
    const std::string reply = world.verbs().filter(std::string_view(text).substr(0, text.size() - wire_padding));
    times.add(Clock::now() - start);
    benchmark::DoNotOptimize(reply.data());
    state.PauseTiming();
    world.view().remove_pod("new-" + std::to_string(serial - 1), 0);
    state.ResumeTiming();
  }
  times.report(state);
}
BENCHMARK(bm_filter)
    ->ArgNames({"names", "nodes", "candidates", "full"})
    ->ArgsProduct({{500}, {500, 5000, 15000}, {1, 0}, {0, 1}})
    ->ArgsProduct({{5000}, {5000, 15000}, {1, 0}, {0, 1}})
    ->Iterations(400)
    ->Unit(benchmark::kMicrosecond);

/// names, nodes
void bm_prioritize(benchmark::State& state) {
  Cluster& world = cluster(state.range(1), 0, false);
  Percentiles times;
  std::int64_t serial = 0;
  for (auto _ : state) {
    state.PauseTiming();
    world.view().update_node(node(serial * 31 % state.range(1), serial % 2 == 0 ? 8 : 7), 0);
    const std::string text = body(serial++, state.range(0), state.range(1));
    state.ResumeTiming();
    const auto start = Clock::now();
    const std::string reply = world.verbs().prioritize(std::string_view(text).substr(0, text.size() - wire_padding));
    times.add(Clock::now() - start);
    benchmark::DoNotOptimize(reply.data());
  }
  times.report(state);
}
BENCHMARK(bm_prioritize)
    ->ArgNames({"names", "nodes"})
    ->Args({500, 5000})
    ->Args({5000, 5000})
    ->Args({5000, 15000})
    ->Iterations(400)
    ->Unit(benchmark::kMicrosecond);

double resident_mib() {
  std::ifstream in("/proc/self/statm");
  double total = 0;
  double resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1048576.0;
}

constexpr std::int64_t large = 15'000;
constexpr std::int64_t large_pods = 100'000;

void bm_update_node(benchmark::State& state) {
  const auto begin = Clock::now();
  Cluster& world = cluster(large, 1, false, large_pods);
  state.counters["rss_mib"] = resident_mib();
  state.counters["load_s"] = std::chrono::duration<double>(Clock::now() - begin).count();
  Percentiles times;
  std::int64_t serial = 0;
  for (auto _ : state) {
    const NodeUpdate update = node(serial * 31 % large, serial % 3 == 0 ? 7 : 8);
    ++serial;
    const auto start = Clock::now();
    world.view().update_node(update, 0);
    times.add(Clock::now() - start);
  }
  times.report(state);
}
BENCHMARK(bm_update_node)->Iterations(20'000)->Unit(benchmark::kMicrosecond);

/// A pod comes, is bound and goes.
void bm_update_pod(benchmark::State& state) {
  Cluster& world = cluster(large, 1, false, large_pods);
  Percentiles times;
  std::int64_t serial = large_pods;
  for (auto _ : state) {
    const PodObject pending = pod(serial, 1);
    const PodObject bound = pod(serial, 1, node_name(serial * 31 % large));
    ++serial;
    const auto start = Clock::now();
    world.view().update_pod(pending, 0);
    world.view().update_pod(bound, 0);
    world.view().remove_pod(bound.uid, 0);
    times.add(Clock::now() - start);
  }
  times.report(state);
}
BENCHMARK(bm_update_pod)->Iterations(20'000)->Unit(benchmark::kMicrosecond);

/// Twice a second, with 100 pods held.
void bm_expire(benchmark::State& state) {
  Cluster& world = cluster(large, 1, false, large_pods);
  for (std::int64_t i = 0; i < 100; ++i) {
    world.view().submit(pod(2 * large_pods + i, 1), 0);
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.view().expire(1));
  }
}
BENCHMARK(bm_expire)->Unit(benchmark::kMicrosecond);

}  // namespace
