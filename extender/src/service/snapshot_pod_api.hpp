#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "gpusched/extender/cluster_view.hpp"
#include "gpusched/extender/pod_api.hpp"

namespace gpusched::extender {

/// Bindings of a snapshot: there is no API server, every binding succeeds and stays in the view.
class SnapshotPodApi : public PodApi {
 public:
  SnapshotPodApi(ClusterView& view, std::mutex& view_mutex) : view_(view), mutex_(view_mutex) {}

  BindingReply bind(const BindingWrite&) override { return {.fate = BindingFate::written, .message = {}}; }

  Result<std::optional<PodObject>> read_pod(const std::string& ns, const std::string& name) override {
    const std::lock_guard lock(mutex_);
    for (const auto& [uid, pod] : view_.pods()) {
      if (pod.ns == ns && pod.name == name) {
        PodObject object;
        object.ns = ns;
        object.name = name;
        object.uid = uid;
        object.node_name = pod.stage == PodStage::bound ? view_.engine().state().node(pod.node).spec.name : "";
        return std::optional(std::move(object));
      }
    }
    return std::optional<PodObject>();
  }

 private:
  ClusterView& view_;
  std::mutex& mutex_;
};

}  // namespace gpusched::extender
