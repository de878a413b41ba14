#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "gpusched/extender/cluster_view.hpp"
#include "gpusched/extender/object_watch.hpp"

namespace gpusched::extender {

/// Where a feed puts what it hears.
struct FeedTarget {
  ClusterView& view;
  std::mutex& mutex;
  std::function<TimeNs()> now;
};

/// Nodes of a watch into the view.
class NodeFeed : public WatchSink {
 public:
  /// `on_first_list` is called once, on the watch's thread, when the first full list is in.
  NodeFeed(FeedTarget target, std::function<void()> on_first_list)
      : target_(std::move(target)), on_first_list_(std::move(on_first_list)) {}
  void list_begins() override;
  void list_object(std::string_view json) override;
  void list_ends() override;
  void list_fails() override {}
  void object(std::string_view type, std::string_view json) override;
  void trouble(const std::string& message) override;
  bool synced() const { return synced_; }

 private:
  void update(std::string_view json, bool deleted);

  FeedTarget target_;
  std::function<void()> on_first_list_;
  std::atomic<bool> synced_{false};
};

/// Pods of a watch into the view.
class PodFeed : public WatchSink {
 public:
  explicit PodFeed(FeedTarget target) : target_(std::move(target)) {}
  void list_begins() override;
  void list_object(std::string_view json) override;
  void list_ends() override;
  void list_fails() override;
  void object(std::string_view type, std::string_view json) override;
  void trouble(const std::string& message) override;
  bool synced() const { return synced_; }

 private:
  void update(std::string_view json, bool deleted);

  FeedTarget target_;
  std::atomic<bool> synced_{false};
};

}  // namespace gpusched::extender
