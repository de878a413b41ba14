#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/extender/cluster_view.hpp"

/// Nodes and pods as an API server shows them, and a view that they are told to.
namespace gpusched::extender {

inline NodeUpdate gpu_node(const std::string& name, int allocatable, int gpus = 8) {
  NodeUpdate update;
  update.node.name = name;
  update.node.labels = {{"nvidia.com/gpu.count", std::to_string(gpus)},
                        {"nvidia.com/gpu.memory", "81920"},
                        {"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"}};
  update.node.allocatable = {
      {"cpu", "64"}, {"memory", "512Gi"}, {"nvidia.com/gpu", std::to_string(allocatable)}, {"pods", "110"}};
  update.node.capacity = update.node.allocatable;
  update.node.capacity[2].second = std::to_string(gpus);
  return update;
}

/// Static MIG of strategy mixed: seven slices on each of two GPUs.
inline NodeUpdate mig_node(const std::string& name, int slices) {
  NodeUpdate update = gpu_node(name, 0, 2);
  update.node.labels.insert(update.node.labels.end(), {{"nvidia.com/mig.strategy", "mixed"}});
  update.node.allocatable = {{"cpu", "64"},
                             {"memory", "512Gi"},
                             {"nvidia.com/gpu", "0"},
                             {"nvidia.com/mig-1g.10gb", std::to_string(slices)},
                             {"pods", "110"}};
  update.node.capacity = update.node.allocatable;
  return update;
}

inline PodObject live_pod(const std::string& uid, int count, const std::string& node = {},
                          const std::string& resource = "nvidia.com/gpu") {
  PodObject pod;
  pod.ns = "team";
  pod.name = "pod-" + uid;
  pod.uid = uid;
  pod.node_name = node;
  pod.phase = node.empty() ? "Pending" : "Running";
  pod.spec.name = pod.name;
  pod.spec.containers.resize(1);
  pod.spec.containers[0].name = "main";
  if (count > 0) {
    pod.spec.containers[0].limits = {{resource, std::to_string(count)}};
  }
  pod.names_gpu = names_gpu(pod.spec);
  return pod;
}

inline PodObject ended(PodObject pod, const std::string& phase = "Succeeded") {
  pod.phase = phase;
  return pod;
}

inline PodObject with_record(PodObject pod, const std::string& text) {
  pod.spec.annotations = {{"gpusched.io/allocation", text}};
  return pod;
}

/// A view with its log and a clock that the test moves.
class LiveWorld {
 public:
  explicit LiveWorld(ClusterViewOptions options = {}) {
    options.engine.policy = parse_policy("placeable_online").value();
    options.engine.preemption = false;
    options.log_sink = [this](std::string_view line) { log += line; };
    view = ClusterView::create(std::move(options)).value();
  }

  /// Units of the first resource of the node that is in use; -1: no such node.
  std::int64_t used(const std::string& node) const { return units(node).first; }
  std::int64_t free(const std::string& node) const { return units(node).second; }

  PodStage stage(const std::string& uid) {
    const LivePod* pod = view->find_pod(uid);
    return pod == nullptr ? PodStage::pending : pod->stage;
  }

  Decision decide(const PodObject& object, const std::vector<std::string>& nodes) {
    std::vector<NodeId> scope;
    for (const std::string& name : nodes) {
      if (const NodeId id = view->find_node(name); id.valid()) {
        scope.push_back(id);
      }
    }
    return view->decide(view->submit(object, now), scope, now);
  }

  /// As a filter call with one candidate; the node, or empty.
  std::string hold(const PodObject& object, const std::vector<std::string>& nodes) {
    const Decision decision = decide(object, nodes);
    if (!std::holds_alternative<Bind>(decision)) {
      return {};
    }
    LivePod& pod = *view->find_pod(object.uid);
    view->hold(pod, decision, PodStage::held, now);
    return view->engine().state().node(pod.node).spec.name;
  }

  /// GPUs of the pod as the engine believes, in order.
  std::vector<int> gpus(const std::string& uid) {
    std::vector<int> result;
    for (const GpuAssignment& part : view->engine().state().pod(view->find_pod(uid)->id)->placement.gpus) {
      result.push_back(part.gpu);
    }
    return result;
  }

  /// Whether no GPU of the node is promised twice.
  bool is_disjoint(const std::string& node) const {
    std::set<int> seen;
    const ClusterState& state = view->engine().state();
    for (const PodId pod : state.node(view->find_node(node)).pods) {
      for (const GpuAssignment& part : state.pod(pod)->placement.gpus) {
        if (!seen.insert(part.gpu).second) {
          return false;
        }
      }
    }
    return true;
  }

  void expect_replays() const {
    const Result<LogReplay> replay = replay_event_log(log, "log");
    EXPECT_TRUE(replay.ok()) << replay.error().to_string();
  }

  std::string log;
  std::unique_ptr<ClusterView> view;
  TimeNs now = 0;

 private:
  std::pair<std::int64_t, std::int64_t> units(const std::string& name) const {
    const NodeId id = view->find_node(name);
    if (!id.valid()) {
      return {-1, -1};
    }
    const ClusterState& state = view->engine().state();
    const NodeSpec& spec = state.node(id).spec;
    const std::int64_t free = state.resource_free(id, 0);
    return {spec.resources[0].allocatable - free, free};
  }
};

}  // namespace gpusched::extender
