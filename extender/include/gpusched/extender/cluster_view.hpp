#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gpusched/engine/engine.hpp"
#include "gpusched/extender/wire.hpp"
#include "gpusched/io/event_log.hpp"
#include "gpusched/kube/node_inventory.hpp"

namespace gpusched::extender {

/// How far a pod's way to its node has come.
enum class PodStage : std::uint8_t {
  pending,  ///< has no node
  held,     ///< a filter call promised it a node; ends by itself
  binding,  ///< the binding is being written
  bound,    ///< the API server says so, or has told us
};

/// What the view knows of a pod.
struct LivePod {
  PodId id;
  std::string ns, name, uid;
  RequestClassId request;
  PodStage stage = PodStage::pending;
  NodeId node;             ///< from `held` on
  TimeNs deadline_ns = 0;  ///< of `held` and `binding`: released then
  /// However often filter is asked, it holds no longer than this before bind is called: what somebody after us rejects
  /// each time would keep its place for ever. -1: nothing was held since.
  TimeNs holds_end_ns = -1;
  TimeNs last_seen_ns = 0;
  TimeNs missed_ns = -1;       ///< bound, but a full list that ended then did not name it; -1: none
  std::string resource;        ///< what the kubelet counts; empty: none, or intent alone
  std::string problem;         ///< why the request is not understood; empty = it is
  std::string gang;            ///< namespace and name of the pod group by label; empty: none
  std::int64_t gang_size = 0;  ///< pods that it needs at once; 0: those that are there
  bool from_watch = false;     ///< the API server has told of it; others vanish after a while
  bool is_listed = false;      ///< seen in the list that is being read
  bool is_gated = false;       ///< a scheduling gate keeps it from its turn
  bool states_intent_only = false;
  std::vector<std::uint16_t> recorded_gpus;  ///< by its allocation record, also while the node shows no such GPU
  std::string note;                          ///< what admission wrote about its choice
  /// What the pod needs in its own words, where admission chose the resource: not every node that has the resource
  /// keeps it. Null: the resource is the pod's own choice.
  std::unique_ptr<const GpuRequest> intent;
  std::string last_decision;  ///< one line of text, for /v1/explain

  bool may_be_held(TimeNs now) const { return holds_end_ns < 0 || now < holds_end_ns; }
};

struct ClusterViewOptions {
  EngineOptions engine;
  TimeNs hold_ns = 30 * ns_per_s;     ///< a promise made by filter lasts so long
  TimeNs binding_ns = 60 * ns_per_s;  ///< until a binding whose fate is unknown is given up
  /// A pod that only a scheduler spoke of is kept so long; where it is bound, from the first full list without it.
  TimeNs unseen_pod_ns = 60 * ns_per_s;
  /// Takes the event log line by line; empty = none.
  std::function<void(std::string_view)> log_sink;
};

/// How many nodes and pods the view holds, by stage.
struct ViewCounts {
  std::int64_t nodes = 0, gpu_nodes = 0, pods = 0, pending = 0, held = 0, binding = 0, bound = 0, parked = 0;
  std::int64_t drift = 0;  ///< pods that the last full list told otherwise than was known; of the first list 0
};

/// The extender's belief about the cluster: what watches and verbs report, folded into an engine as events. One thread
/// at a time; does no I/O but the log sink.
class ClusterView {
 public:
  static Result<std::unique_ptr<ClusterView>> create(ClusterViewOptions options);

  /// A node as the API server shows it; problems of its inventory are returned.
  std::vector<NodeProblem> update_node(const NodeUpdate& update, TimeNs now);
  void remove_node(std::string_view name, TimeNs now);
  /// A pod as the API server shows it.
  void update_pod(const PodObject& pod, TimeNs now);
  void remove_pod(std::string_view uid, TimeNs now);

  /// What a job was measured to do: its class's fallback no longer counts for it. Errors: a profile that contradicts
  /// itself.
  Status load_profile(const JobProfile& profile, TimeNs now) { return observe(now, ProfileLoaded{profile}); }

  /// A full list replaces what was known: begin, update what is listed, end.
  void begin_node_list();
  void end_node_list(TimeNs now);
  void begin_pod_list();
  void end_pod_list(TimeNs now);
  /// The list broke off: nothing is concluded from what it did not name.
  void abandon_pod_list();

  /// The pod of a scheduler's call, made known where it was not.
  LivePod& submit(const PodObject& pod, TimeNs now);
  LivePod* find_pod(std::string_view uid);
  /// The pods of the pod's gang, itself among them, in the order of their uids.
  std::vector<LivePod*> gang_of(const LivePod& pod);
  NodeId find_node(std::string_view name) const;

  /// Decides for a pod that is pending, and logs the decision.
  Decision decide(LivePod& pod, std::span<const NodeId> scope, TimeNs now);
  /// Reserves the place for a while. Contract: the pod is pending, for `held` it may be held, and the decision is a
  /// Bind just made.
  void hold(LivePod& pod, const Decision& decision, PodStage stage, TimeNs now);
  /// The place of a held pod is about to be written.
  void start_binding(LivePod& pod, TimeNs now);
  /// The API server took the binding to that node, whatever has become of the reservation meanwhile.
  void confirm(LivePod& pod, NodeId node, TimeNs now);
  /// Gives the place back.
  void release(LivePod& pod, TimeNs now);
  /// Releases what has lasted too long; returns how many places became free.
  int expire(TimeNs now);

  /// Waits until something may have made room, with the mutex that guards the view let go meanwhile; false: until then
  /// nothing has.
  bool wait_for_room(std::unique_lock<std::mutex>& guard, std::chrono::steady_clock::time_point until);
  /// A scheduler was told that a pod finds no room now.
  void note_refusal() { refused_ = true; }
  /// Whether something has made room after a refusal: a scheduler that knew of it before the call, by a watch of its
  /// own, will not ask again by itself. Once told, not until the next refusal.
  bool take_late_room() { return std::exchange(late_room_, false); }

  Engine& engine() { return *engine_; }
  const Engine& engine() const { return *engine_; }
  const ClusterViewOptions& options() const { return options_; }
  ViewCounts counts() const;
  /// For reading: every pod by uid.
  const std::unordered_map<std::string, LivePod>& pods() const { return pods_; }

 private:
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct KnownNode {
    NodeId id;
    bool gone = false;    ///< the API server has it no more, but pods still hold something there
    bool listed = false;  ///< seen in the list that is being read
  };
  using Nodes = std::unordered_map<std::string, KnownNode, NameHash, std::equal_to<>>;

  explicit ClusterView(ClusterViewOptions options, Engine engine);

  Status observe(TimeNs now, decltype(Event::what) what);
  void read_record(const PodObject& object, LivePod& pod);
  Candidate recorded_place(const LivePod& pod, NodeId node) const;
  /// GPUs came back to a node: its pods get those of their records again.
  void restore_records(NodeId node, TimeNs now);
  void park(const LivePod& pod, const std::string& node);
  bool tells_news(const PodObject& object) const;
  void bind_reported(LivePod& pod, const std::string& node, TimeNs now);
  void give_back(const LivePod& pod, TimeNs now);
  void forget(const std::string& uid, TimeNs now);
  void remove_if_empty(const std::string& name, TimeNs now);
  void may_have_made_room();

  ClusterViewOptions options_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EventLogWriter> log_;
  Nodes nodes_;
  std::unordered_map<std::string, LivePod> pods_;
  std::unordered_map<std::string, std::set<std::string>> gangs_;      // uids by LivePod::gang
  std::unordered_map<std::string, std::vector<std::string>> parked_;  // uids of bound pods by a node not seen yet
  std::vector<const LivePod*> pod_of_id_;                             // null: a number to give again
  std::vector<PodId> free_ids_;                                       // numbers to give again, the last one first
  std::unordered_set<std::string> timed_;  // uids of pods that time may change; some may need it no longer
  bool listing_pods_ = false;
  bool had_pod_list_ = false;
  std::int64_t news_in_list_ = 0, drift_ = 0;
  std::condition_variable room_made_;
  std::uint64_t rooms_made_ = 0;
  bool refused_ = false, late_room_ = false;
};

}  // namespace gpusched::extender
