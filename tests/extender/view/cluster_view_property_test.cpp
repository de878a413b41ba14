// Random lives of a cluster, against a model that knows the objects and the promises alone.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/kube/allocation_record.hpp"

#include "extender/view/live_objects.hpp"

namespace gpusched::extender {
namespace {

/// A pod as the API server has it and as the view was told of it; and what the view promised it.
struct ModelPod {
  PodObject object;
  bool is_deleted = false;  ///< at the API server
  bool is_known = false;    ///< to the view
  bool is_told = false;     ///< by the API server
  std::string known_node;   ///< that the view knows it is bound to
  std::string promised;     ///< node of its reservation
  TimeNs deadline_ns = 0;   ///< of that
  TimeNs last_seen_ns = 0;
  int count = 0;
};

class Life {
 public:
  explicit Life(unsigned seed) : random_(seed), world_(std::make_unique<LiveWorld>()) {}

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      check();
    }
    world_->expect_replays();
  }

 private:
  static constexpr int nodes = 5;

  int draw(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string some_node() { return "n" + std::to_string(draw(nodes)); }
  ModelPod* some_pod() {
    return pods_.empty() ? nullptr : &std::next(pods_.begin(), draw(static_cast<int>(pods_.size())))->second;
  }
  template <typename Wanted>
  ModelPod* some_pod(Wanted wanted) {
    std::vector<ModelPod*> found;
    for (auto& [uid, pod] : pods_) {
      if (wanted(pod)) {
        found.push_back(&pod);
      }
    }
    return found.empty() ? nullptr : found[static_cast<std::size_t>(draw(static_cast<int>(found.size())))];
  }
  ClusterView& view() { return *world_->view; }
  TimeNs& now() { return world_->now; }

  void step() {
    switch (draw(14)) {
      case 0:
      case 1:
        return change_node();
      case 2:
        return remove_node();
      case 3:
      case 4:
      case 5:
        return create();
      case 6:
      case 7:
        return filter();
      case 8:
        return bind();
      case 9:
        return bind_elsewhere();
      case 10:
        return end_pod();
      case 11:
        return draw(3) == 0 ? relist() : deliver(some_pod());
      case 12:
        return pass_time();
      default:
        return draw(6) == 0 ? restart() : deliver(some_pod());
    }
  }

  NodeUpdate shown(const std::string& name) {
    static constexpr int allocatable[] = {8, 8, 8, 6, 2, 0};
    NodeUpdate update = gpu_node(name, allocatable[draw(6)]);
    if (draw(5) == 0) {
      update.node.labels.clear();
    }
    update.node.unschedulable = draw(12) == 0;
    return update;
  }

  void change_node() {
    const std::string name = some_node();
    told_nodes_[name] = shown(name);
    view().update_node(told_nodes_[name], now());
  }

  void remove_node() {
    if (draw(3) == 0) {
      const std::string name = some_node();
      told_nodes_.erase(name);
      view().remove_node(name, now());
    }
  }

  void create() {
    if (pods_.size() >= 16) {
      return end_pod();  // a cluster that is full decides nothing
    }
    const std::string uid = "u" + std::to_string(created_++);
    ModelPod& pod = pods_[uid];
    pod.count = 1 + draw(3);
    pod.object = live_pod(uid, pod.count);
    if (draw(4) > 0) {
      deliver(&pod);
    }
  }

  /// What the API server has reaches the view.
  void deliver(ModelPod* pod) {
    if (pod == nullptr) {
      return;
    }
    if (pod->is_deleted) {
      view().remove_pod(pod->object.uid, now());
      pods_.erase(pod->object.uid);
      return;
    }
    view().update_pod(pod->object, now());
    tell(*pod);
  }

  void tell(ModelPod& pod) {
    pod.is_known = pod.is_told = true;
    if (!pod.object.node_name.empty()) {
      pod.known_node = pod.object.node_name;
      pod.promised.clear();
    }
  }

  void filter() {
    ModelPod* pod = some_pod([](const ModelPod& any) { return any.known_node.empty(); });
    if (pod == nullptr) {
      return;
    }
    LivePod& live = view().submit(pod->object, now());
    pod->last_seen_ns = now();
    pod->is_known = true;
    if (live.stage == PodStage::binding) {
      return;
    }
    view().release(live, now());
    pod->promised.clear();
    if (!live.may_be_held(now())) {
      return;
    }
    std::vector<std::string> scope;
    for (int i = 0; i < nodes; ++i) {
      if (draw(4) > 0) {
        scope.push_back("n" + std::to_string(i));
      }
    }
    pod->promised = world_->hold(pod->object, scope);
    pod->deadline_ns = live.holds_end_ns;
  }

  /// The binding of a pod that is held: written and answered, written without an answer, or refused.
  void bind() {
    ModelPod* pod = some_pod([](const ModelPod& any) { return !any.promised.empty(); });
    if (pod == nullptr) {
      return;
    }
    LivePod& live = *view().find_pod(pod->object.uid);
    view().start_binding(live, now());
    pod->deadline_ns = now() + view().options().binding_ns;
    if (pod->object.node_name == pod->promised && !pod->is_deleted) {  // an earlier try got through
      view().confirm(live, view().find_node(pod->promised), now());
      pod->known_node = std::exchange(pod->promised, "");
      return;
    }
    const bool can_be_written = pod->object.node_name.empty() && !pod->is_deleted;
    if (!can_be_written || draw(4) == 0) {
      view().release(live, now());
      pod->promised.clear();
      return;
    }
    AllocationRecord record{.node = pod->promised, .resource = "nvidia.com/gpu", .count = pod->count};
    for (const int gpu : world_->gpus(pod->object.uid)) {
      record.parts.push_back({.gpu = gpu});
    }
    pod->object = with_record(pod->object, format_allocation(record));
    pod->object.node_name = pod->promised;
    if (draw(3) > 0) {
      view().confirm(live, view().find_node(pod->promised), now());
      pod->known_node = std::exchange(pod->promised, "");
    }
  }

  /// Another scheduler was quicker, or somebody bound it by hand, also to a node we do not know.
  void bind_elsewhere() {
    ModelPod* pod = some_pod();
    if (pod != nullptr && pod->object.node_name.empty() && !pod->is_deleted) {
      pod->object.node_name = some_node();
      if (draw(2) == 0) {
        deliver(pod);
      }
    }
  }

  void end_pod() {
    ModelPod* pod = some_pod();
    if (pod == nullptr || pod->is_deleted) {
      return;
    }
    if (draw(3) == 0) {
      view().update_pod(ended(pod->object, draw(2) == 0 ? "Failed" : "Succeeded"), now());
      pods_.erase(pod->object.uid);
      return;
    }
    pod->is_deleted = true;
    if (draw(3) > 0) {
      deliver(pod);
    }
  }

  void relist() {
    view().begin_node_list();
    for (auto& [name, update] : told_nodes_) {
      view().update_node(update, now());
    }
    view().end_node_list(now());
    const bool breaks_off = draw(4) == 0;
    view().begin_pod_list();
    for (auto& [uid, pod] : pods_) {
      if (!pod.is_deleted && (!breaks_off || draw(2) == 0)) {
        view().update_pod(pod.object, now());
        tell(pod);
      }
    }
    if (breaks_off) {
      view().abandon_pod_list();
      return;
    }
    view().end_pod_list(now());
    std::erase_if(pods_, [](const auto& entry) { return entry.second.is_deleted && entry.second.is_told; });
  }

  void pass_time() {
    // A watch that is more than a binding's deadline late is no watch: what was written is told before.
    for (auto& [uid, pod] : pods_) {
      if (!pod.promised.empty() && pod.object.node_name == pod.promised && !pod.is_deleted) {
        deliver(&pod);
      }
    }
    now() += draw(4) == 0 ? 400 * ns_per_s : 20 * ns_per_s;
    view().expire(now());
    for (auto entry = pods_.begin(); entry != pods_.end();) {
      ModelPod& pod = entry->second;
      const bool was_promised = !pod.promised.empty();
      if (was_promised && pod.deadline_ns <= now()) {
        pod.promised.clear();
      }
      const bool is_unseen = pod.is_known && !pod.is_told && pod.known_node.empty() && !was_promised;
      if (is_unseen && pod.last_seen_ns + view().options().unseen_pod_ns <= now()) {
        pod.is_known = false;
      }
      entry = std::next(entry);
    }
  }

  /// A new process: what the API server has is all it knows.
  void restart() {
    world_->expect_replays();
    const TimeNs time = now();
    world_ = std::make_unique<LiveWorld>();
    now() = time;
    std::erase_if(pods_, [](const auto& entry) { return entry.second.is_deleted; });
    for (auto& [uid, pod] : pods_) {
      pod.is_known = pod.is_told = false;
      pod.promised.clear();
      pod.known_node.clear();
    }
    const bool pods_first = draw(2) == 0;
    for (const bool pods : {pods_first, !pods_first}) {
      if (pods) {
        view().begin_pod_list();
        for (auto& [uid, pod] : pods_) {
          view().update_pod(pod.object, now());
          tell(pod);
        }
        view().end_pod_list(now());
      } else {
        view().begin_node_list();
        for (auto& [name, update] : told_nodes_) {
          view().update_node(update, now());
        }
        view().end_node_list(now());
      }
    }
  }

  void check() {
    std::map<std::string, std::int64_t> used;
    std::map<std::string, std::vector<int>> recorded;
    std::int64_t known = 0;
    for (const auto& [uid, pod] : pods_) {
      known += pod.is_known ? 1 : 0;
      used[pod.known_node.empty() ? pod.promised : pod.known_node] += pod.count;
      if (!pod.object.spec.annotations.empty() && !pod.is_deleted) {
        const auto record = parse_allocation(pod.object.spec.annotations[0].second);
        for (const RecordedPart& part : record.value()->parts) {
          recorded[pod.object.node_name].push_back(part.gpu);
        }
      }
    }
    EXPECT_EQ(view().counts().pods, known);
    for (const auto& [name, update] : told_nodes_) {
      EXPECT_EQ(world_->used(name), used[name]) << name;
      EXPECT_TRUE(world_->is_disjoint(name)) << name;
    }
    for (auto& [name, gpus] : recorded) {
      std::sort(gpus.begin(), gpus.end());
      EXPECT_EQ(std::adjacent_find(gpus.begin(), gpus.end()), gpus.end()) << "two records overlap on " << name;
    }
  }

  std::mt19937 random_;
  std::unique_ptr<LiveWorld> world_;
  std::map<std::string, NodeUpdate> told_nodes_;
  std::map<std::string, ModelPod> pods_;
  int created_ = 0;
};

TEST(ClusterViewPropertyTest, CountsAreThoseOfTheObjectsAndPromises) {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life(seed).run(400);
    if (HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace gpusched::extender
