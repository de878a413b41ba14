#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "gpusched/extender/cluster_view.hpp"
#include "gpusched/extender/http_server.hpp"
#include "gpusched/extender/metrics.hpp"
#include "gpusched/extender/verbs.hpp"

namespace gpusched::extender {

/// What the routes answer from.
struct RouteTargets {
  Verbs& verbs;
  ClusterView& view;
  std::mutex& view_mutex;
  Metrics& metrics;
  std::function<std::string()> refusal;                ///< empty while ready
  std::function<MetricsSnapshot()> snapshot;           ///< called with the view's lock held
  std::function<std::string(std::string_view)> admit;  ///< body of POST /v1/admit; empty function: not served
};

/// The table of paths: POST .../filter, prioritize, preempt, bind under any prefix; GET /healthz, /readyz, /metrics,
/// /version, /v1/state, /v1/explain?pod=NAMESPACE/NAME; POST /v1/simulate, /v1/admit.
/// Whether the call may take long: a bind waits for the API server, a what-if builds a cluster of its own.
bool waits(std::string_view target);

HttpReply route(const HttpRequest& request, const RouteTargets& targets);

}  // namespace gpusched::extender
