#pragma once

#include <memory>
#include <string>

#include "gpusched/extender/cluster_view.hpp"
#include "gpusched/extender/verbs.hpp"

namespace gpusched::extender {

/// What changes between scrapes besides the verbs.
struct MetricsSnapshot {
  ViewCounts view;
  std::int64_t watch_age_ms = 0;  ///< since the API server last said anything, the older of nodes and pods
  std::int64_t relists = 0;
  bool ready = false, leader = false;
};

/// Prometheus metrics of the extender; thread-safe. Names are listed in docs/extender.md.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void record(const VerbRecord& record);
  /// The text format. `engine` is read for the units of each resource: call with the view's lock held.
  std::string scrape(const MetricsSnapshot& snapshot, const Engine& engine);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace gpusched::extender
