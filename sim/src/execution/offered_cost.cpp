#include "offered_cost.hpp"

#include <map>
#include <numeric>
#include <string_view>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/execution/job_plan.hpp"
#include "gpusched/sim/mode_bound.hpp"

namespace gpusched::sim {

namespace {

/// The model of most nodes' GPUs is the first one's: costs of classes are compared, not added up over models.
GpuModelId first_model(const Trace& trace) {
  for (const TraceNode& node : trace.nodes) {
    if (node.num_gpu > 0) {
      return find_gpu_model(node.gpu_model).value();
    }
  }
  return {};
}

double gpus_of(const GpuRequest& request, const JobProfile& profile, GpuModelId model, const PerfConstants& constants) {
  if (states_intent(request) || request.num_gpu > 1) {
    return FluidCost(request, profile, model, constants).gpus(load_memory_weight);
  }
  return static_cast<double>(request.gpu_milli) / static_cast<double>(milli_per_unit);
}

}  // namespace

std::array<double, goodput_class_count> offered_cost_shares(const Trace& trace, const MeasuringWindow& window,
                                                            const PerfConstants& constants) {
  std::map<std::string_view, const JobProfile*> profiles;
  for (const JobProfile& profile : trace.profiles) {
    profiles.emplace(profile.name, &profile);
  }
  const GpuModelId model = first_model(trace);
  std::array<double, goodput_class_count> shares{};
  for (const TraceJob& job : trace.jobs) {
    const JobSpec& spec = trace.specs[job.spec];
    const std::string& name = true_profile_of(spec);
    if (name.empty() || spec.request.num_gpu == 0 || !model.valid() || !window.contains(job.submit_ns)) {
      continue;
    }
    const JobProfile& profile = *profiles.at(name);
    const TimeNs length_ns = job.duration_ns >= 0 ? job.duration_ns : window.to_ns - job.submit_ns;
    const GoodputClass row = goodput_class_of(spec.request, profile, spec.request.num_gpu > 1);
    shares[static_cast<std::size_t>(row)] += gpus_of(spec.request, profile, model, constants) * spec.replicas *
                                             static_cast<double>(length_ns) / static_cast<double>(ns_per_s);
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) {
    share = sum > 0 ? share / sum : 0;
  }
  return shares;
}

}  // namespace gpusched::sim
