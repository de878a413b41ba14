// Bodies of filter calls: names of 5,000 nodes, and whole Node objects as nodeCacheCapable: false sends them.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "gpusched/extender/wire.hpp"
#include "gpusched/extender/wire_replies.hpp"

namespace {

using namespace gpusched::extender;

std::string pod_json() {
  return R"({"metadata":{"name":"p","namespace":"team","uid":"0c1f","labels":{"app":"x"}},"spec":{"containers":[)"
         R"({"name":"c","image":"x","resources":{"limits":{"nvidia.com/gpu":"1"},"requests":{"nvidia.com/gpu":"1"}}}]},)"
         R"("status":{"phase":"Pending"}})";
}

std::string node_name(std::int64_t i) {
  std::string number = std::to_string(i);
  return "gpu-node-pool-a100-" + std::string(8 - number.size(), '0') + number + ".eu-west";
}

std::string names_body(std::int64_t count) {
  std::string body = R"({"Pod":)" + pod_json() + R"(,"Nodes":null,"NodeNames":[)";
  for (std::int64_t i = 0; i < count; ++i) {
    body += (i > 0 ? ",\"" : "\"") + node_name(i) + "\"";
  }
  return body + "]}";
}

/// 16 kB, most of it labels of feature discovery and images, as measured on GPU nodes.
std::string node_json(std::int64_t index) {
  std::string node = R"({"metadata":{"name":")" + node_name(index) + R"(","uid":"0c1f-44","labels":{)";
  for (int i = 0; i < 61; ++i) {
    node +=
        (i > 0 ? ",\"" : "\"") + ("feature.node.kubernetes.io/cpu-cpuid.AVX512" + std::to_string(i)) + R"(":"true")";
  }
  node += R"(},"annotations":{"a":"\u003cb\u003e"}},"spec":{"podCIDR":"10.0.0.0/24"},"status":{"allocatable":)"
          R"({"cpu":"63500m","memory":"263856000Ki","nvidia.com/gpu":"8","pods":"110"},"conditions":[)";
  for (int i = 0; i < 5; ++i) {
    node += std::string(i > 0 ? "," : "") +
            R"({"type":"Ready","status":"True","reason":"KubeletReady","message":)"
            R"("kubelet is posting ready status","lastHeartbeatTime":"2026-05-01T00:00:10Z"})";
  }
  node += R"(],"images":[)";
  for (int i = 0; i < 44; ++i) {
    const std::string image = "registry.example.com/team/project/application-server-" + std::to_string(i);
    node += std::string(i > 0 ? "," : "") + R"({"names":[")" + image +
            R"(@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",")" + image +
            R"(:v1.2.3"],"sizeBytes":123456789})";
  }
  return node + "]}}";
}

std::string nodes_body(std::int64_t count) {
  std::string body = R"({"Pod":)" + pod_json() + R"(,"Nodes":{"metadata":{},"items":[)";
  for (std::int64_t i = 0; i < count; ++i) {
    body += (i > 0 ? "," : "") + node_json(i);
  }
  return body + R"(]},"NodeNames":null})";
}

void decode(benchmark::State& state, std::string body) {
  const std::size_t size = body.size();
  body.append(wire_padding, '\0');
  for (auto _ : state) {
    const auto args = decode_filter_args(std::string_view(body).substr(0, size));
    if (!args.ok() || args.value().node_names.size() != static_cast<std::size_t>(state.range(0))) {
      state.SkipWithError("the body was refused");
      break;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
  state.counters["body_kb"] = static_cast<double>(size) / 1000;
}

void decode_names(benchmark::State& state) { decode(state, names_body(state.range(0))); }
BENCHMARK(decode_names)->Arg(500)->Arg(5000)->Arg(15000)->Unit(benchmark::kMicrosecond);

void decode_nodes(benchmark::State& state) { decode(state, nodes_body(state.range(0))); }
BENCHMARK(decode_nodes)->Arg(100)->Arg(700)->Arg(5000)->Unit(benchmark::kMicrosecond);

void echo_nodes(benchmark::State& state) {
  std::string body = nodes_body(state.range(0));
  const std::size_t size = body.size();
  body.append(wire_padding, '\0');
  for (auto _ : state) {
    const auto args = decode_filter_args(std::string_view(body).substr(0, size));
    std::vector<std::string_view> passed;
    for (const auto& [name, raw] : args.value().nodes) {
      passed.push_back(raw);
    }
    const std::string reply = encode_filter_result(
        {.full_nodes = true, .names = {}, .raw_nodes = passed, .failed = {}, .unresolvable = {}, .error = {}});
    benchmark::DoNotOptimize(reply.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(echo_nodes)->Arg(700)->Unit(benchmark::kMicrosecond);

void encode_names(benchmark::State& state) {
  std::vector<std::string> owned;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    owned.push_back(node_name(i));
  }
  const std::vector<std::string_view> names(owned.begin(), owned.end());
  for (auto _ : state) {
    const std::string reply = encode_filter_result(
        {.full_nodes = false, .names = names, .raw_nodes = {}, .failed = {}, .unresolvable = {}, .error = {}});
    benchmark::DoNotOptimize(reply.data());
  }
}
BENCHMARK(encode_names)->Arg(500)->Arg(5000)->Unit(benchmark::kMicrosecond);

void decode_watched_node(benchmark::State& state) {
  std::string body = node_json(1);
  const std::size_t size = body.size();
  body.append(wire_padding, '\0');
  for (auto _ : state) {
    const auto node = decode_node(std::string_view(body).substr(0, size));
    benchmark::DoNotOptimize(node.ok());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(decode_watched_node)->Unit(benchmark::kMicrosecond);

}  // namespace
