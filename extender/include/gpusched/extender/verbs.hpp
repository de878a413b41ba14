#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/extender/cluster_view.hpp"
#include "gpusched/extender/pod_api.hpp"
#include "gpusched/extender/wire.hpp"

namespace gpusched::extender {

/// What a verb did, for metrics, logs and Kubernetes Events.
struct VerbRecord {
  std::string_view verb;    ///< filter, prioritize, preempt, bind, admit
  std::string_view result;  ///< bind, wait, infeasible, error ...
  std::string reason;       ///< constant text; empty = none
  std::string message{};    ///< what a person should read where it says more than the reason; of one pod
  std::string ns, pod, uid, node;
  std::int64_t duration_ns = 0;
  std::size_t nodes = 0;        ///< that were offered
  bool has_full_nodes = false;  ///< whole Nodes were sent, not names: nodeCacheCapable is false
  bool held_others = false;     ///< other pods of the gang now have places: they should be tried again soon
};

struct VerbsOptions {
  std::size_t candidates = 1;  ///< nodes that filter gives back; 0 = all that fit
  /// Empty while this process may answer; else why not. Asked at every call.
  std::function<std::string()> refusal = [] { return std::string(); };
  /// kube-scheduler hears of a pod's end by a watch of its own and may ask before ours has told: a pod that finds no
  /// room waits so long for the news. A refusal at once would have it park the pod, or evict one more.
  std::chrono::milliseconds patience{0};
  std::function<TimeNs()> now;  ///< nanoseconds since the origin of the event log
  std::function<void(const VerbRecord&)> observer = [](const VerbRecord&) {};
};

/// The four calls of kube-scheduler, body in, body out. Thread-safe: one lock around the view, never held over I/O.
/// A call that cannot be answered says so in the protocol's own `Error` (an empty list for prioritize, which has none):
/// the status is always 200. Source: kube-scheduler pkg/scheduler/extender.go.
class Verbs {
 public:
  Verbs(VerbsOptions options, ClusterView& view, std::mutex& view_mutex, PodApi& api)
      : options_(std::move(options)), view_(view), mutex_(view_mutex), api_(api) {}

  std::string filter(std::string_view padded_json);
  std::string prioritize(std::string_view padded_json);
  std::string preempt(std::string_view padded_json);
  std::string bind(std::string_view padded_json);

 private:
  struct Offer;
  struct Promise;

  std::string consider_patiently(const FilterArgs& args, VerbRecord& record);
  /// The answer to filter as things stand. Contract: the view's mutex is held.
  std::string consider(const FilterArgs& args, VerbRecord& record);
  Offer known_nodes(const FilterArgs& args) const;
  std::string refuse_everywhere(const FilterArgs& args, std::string_view message, VerbRecord& record);
  std::string score(const FilterArgs& args, VerbRecord& record);
  std::string repeat_place(const FilterArgs& args, const LivePod& pod, VerbRecord& record);
  /// Why the pod's gang cannot be held now, whatever room there is; empty: it can, or there is none. Members that have
  /// rested long enough may be held again.
  std::string_view gang_waits(const LivePod& pod, TimeNs now);
  /// Holds a place for every pod of the gang that has none, or for none: false.
  bool hold_gang(LivePod& pod, const Decision& decision, std::span<const NodeId> scope, TimeNs now, VerbRecord& record);
  void release_gang(const LivePod& pod, TimeNs now);
  std::string refuse_gang(const FilterArgs& args, std::string_view why, VerbRecord& record);
  std::string decide(const FilterArgs& args, LivePod& pod, TimeNs now, VerbRecord& record);
  std::string answer(const FilterArgs& args, LivePod& pod, const Offer& offer, TimeNs now, VerbRecord& record);
  /// Makes sure that the pod holds the node; empty error: it does.
  std::string promise(const BindArgs& args, Promise& promise);
  std::string write_binding(const BindArgs& args, const Promise& promise);
  std::string settle(const BindArgs& args, bool is_written, bool may_be_written, std::string error);
  /// Makes the pod known where filter was answered before a restart; empty: it is known, or `is_bound` already.
  std::string learn_pod(const BindArgs& args, bool& is_bound);

  VerbsOptions options_;
  ClusterView& view_;
  std::mutex& mutex_;
  PodApi& api_;
  std::chrono::steady_clock::time_point patient_from_;  ///< guarded by mutex_
};

}  // namespace gpusched::extender
