#include "gpusched/extender/metrics.hpp"

#include <map>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "gpusched/kube/resource_name.hpp"

namespace gpusched::extender {

namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

Family<Gauge>& gauge(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

struct Metrics::Families {
  Registry registry;
  Family<Counter>& decisions = prometheus::BuildCounter()
                                   .Name("gpusched_extender_calls_total")
                                   .Help("Calls by verb, result and main reason")
                                   .Register(registry);
  Family<Histogram>& seconds = prometheus::BuildHistogram()
                                   .Name("gpusched_extender_call_seconds")
                                   .Help("Time from parsed headers to the reply, by verb")
                                   .Register(registry);
  Family<Gauge>& pods = gauge(registry, "gpusched_extender_pods", "Pods in the view, by stage");
  Family<Gauge>& nodes = gauge(registry, "gpusched_extender_nodes", "Nodes in the view");
  Family<Gauge>& units =
      gauge(registry, "gpusched_resource_units", "Units of a resource over all nodes: allocatable and used");
  Family<Gauge>& state = gauge(registry, "gpusched_extender_state", "1 while ready, 1 while leader");
  Family<Gauge>& watch_age =
      gauge(registry, "gpusched_extender_watch_age_seconds", "Since the API server last said anything");
  Family<Gauge>& relists = gauge(registry, "gpusched_extender_relists", "Full lists read since the start");
  Family<Gauge>& drift =
      gauge(registry, "gpusched_extender_drift_pods", "Pods on which the view and the last full list disagreed");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::record(const VerbRecord& record) {
  families_->decisions
      .Add({{"verb", std::string(record.verb)}, {"result", std::string(record.result)}, {"reason", record.reason}})
      .Increment();
  static const Histogram::BucketBoundaries bounds = {5e-5, 1e-4,   2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
                                                     1e-2, 2.5e-2, 5e-2,   0.1,  0.25, 0.5,    1};
  families_->seconds.Add({{"verb", std::string(record.verb)}}, bounds)
      .Observe(static_cast<double>(record.duration_ns) * 1e-9);
}

std::string Metrics::scrape(const MetricsSnapshot& snapshot, const Engine& engine) {
  Families& all = *families_;
  const ViewCounts& view = snapshot.view;
  all.pods.Add({{"stage", "pending"}}).Set(static_cast<double>(view.pending));
  all.pods.Add({{"stage", "held"}}).Set(static_cast<double>(view.held));
  all.pods.Add({{"stage", "binding"}}).Set(static_cast<double>(view.binding));
  all.pods.Add({{"stage", "bound"}}).Set(static_cast<double>(view.bound));
  all.nodes.Add({{"kind", "all"}}).Set(static_cast<double>(view.nodes));
  all.nodes.Add({{"kind", "gpu"}}).Set(static_cast<double>(view.gpu_nodes));
  all.state.Add({{"state", "ready"}}).Set(snapshot.ready ? 1 : 0);
  all.state.Add({{"state", "leader"}}).Set(snapshot.leader ? 1 : 0);
  all.watch_age.Add({}).Set(static_cast<double>(snapshot.watch_age_ms) * 1e-3);
  all.relists.Add({}).Set(static_cast<double>(snapshot.relists));
  all.drift.Add({}).Set(static_cast<double>(view.drift));
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> units;  // allocatable, free
  const ClusterState& state = engine.state();
  for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
    const Node& node = state.nodes()[i];
    for (std::size_t r = 0; !node.removed && r < node.spec.resources.size(); ++r) {
      const NodeResource& resource = node.spec.resources[r];
      auto& [allocatable, free] = units[resource_name(resource.mig_profile, resource.shared)];
      allocatable += resource.allocatable;
      free += state.resource_free(NodeId{i}, r);
    }
  }
  for (const auto& [name, counts] : units) {
    all.units.Add({{"resource", name}, {"state", "allocatable"}}).Set(static_cast<double>(counts.first));
    all.units.Add({{"resource", name}, {"state", "used"}}).Set(static_cast<double>(counts.first - counts.second));
  }
  return prometheus::TextSerializer().Serialize(all.registry.Collect());
}

}  // namespace gpusched::extender
