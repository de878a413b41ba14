// The arrivals of a trace as the bound of acceptance wants them.
#include <limits>
#include <optional>
#include <string>

#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/cluster_builder.hpp"
#include "gpusched/sim/exact/acceptance_bound.hpp"

namespace gpusched::sim {

namespace {

constexpr std::size_t whole_gpu = 5;  // of MigCounts: a whole GPU leaves as little room as a 7g

Error refusal(std::string message, std::string remedy) {
  return {.code = ErrorCode::unsupported,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

/// The GPUs of a trace: how many, and the one model.
struct GpuPark {
  GpuModelId model;
  std::int64_t gpus = 0;
};

Result<GpuPark> gpus_of(const Trace& trace) {
  GpuPark park;
  for (const TraceNode& node : trace.nodes) {
    const Result<NodeSpec> spec = to_node_spec(node);
    if (!spec) {
      return spec.error();
    }
    for (const GpuSpec& gpu : spec.value().gpus) {
      if (park.gpus > 0 && gpu.model != park.model) {
        return refusal("node '" + node.id + "' has another GPU model than the nodes before it",
                       "The bound of acceptance is for one model: give --cluster");
      }
      park.model = gpu.model;
      ++park.gpus;
    }
  }
  if (park.gpus == 0) {
    return refusal("the cluster has no GPUs", "Give --cluster, for example 4xH100-80GB-SXM5:8");
  }
  if (!gpu_model(park.model).has_lattice()) {
    return refusal(std::string(gpu_model(park.model).name) + " has no MIG placements",
                   "`gpusched-sim list models` names those that have");
  }
  if (Status seven = check_seven_slice(MigLattice::of(park.model)); !seven) {
    return seven.error();
  }
  return park;
}

/// What one job of a spec holds; nullopt where the model cannot serve it.
Result<std::optional<MigCounts>> instances_of(const JobSpec& spec, GpuModelId model, const std::string& job) {
  const GpuRequest& request = spec.request;
  MigCounts counts{};
  if (spec.replicas != 1) {
    return refusal("job '" + job + "' has " + std::to_string(spec.replicas) + " replicas",
                   "The bound of acceptance counts jobs of one pod");
  }
  if (request.num_gpu > 0 && !model_allowed(request.gpu_models, model)) {
    return std::optional<MigCounts>();
  }
  if (!request.mig_profile.empty()) {
    const Result<MigProfileId> profile = find_mig_profile(model, request.mig_profile);
    if (!profile) {
      return std::optional<MigCounts>();
    }
    counts[static_cast<std::size_t>(MigLattice::of(model).shape_of(profile.value()))] = request.num_gpu;
    return std::optional(counts);
  }
  const bool shared = request.mode == SharingMode::time_slice || request.mode == SharingMode::mps;
  if (request.num_gpu > 0 && (request.gpu_milli != milli_per_unit || shared || states_intent(request))) {
    return refusal("job '" + job + "' asks for neither instances nor whole GPUs",
                   "The bound of acceptance covers those alone, as in generate:mig-mix");
  }
  counts[whole_gpu] = request.num_gpu;
  return std::optional(counts);
}

std::int64_t units_of(const MigCounts& instances, const MigLattice& lattice) {
  std::int64_t units = 0;
  for (std::size_t shape = 0; shape < instances.size(); ++shape) {
    units += lattice.shapes()[shape].memory_units * instances[shape];
  }
  return units;
}

}  // namespace

Result<AcceptanceProblem> acceptance_problem(const Trace& trace, AcceptanceWeight weight, double warmup_fraction) {
  const Result<GpuPark> park = gpus_of(trace);
  if (!park) {
    return park.error();
  }
  AcceptanceProblem problem{.gpus = park.value().gpus, .arrivals = {}};
  const auto warmup = static_cast<std::size_t>(warmup_fraction * static_cast<double>(trace.jobs.size()));
  const MigLattice& lattice = MigLattice::of(park.value().model);
  for (const TraceJob& job : trace.jobs) {
    const JobSpec& spec = trace.specs[job.spec];
    const auto instances = instances_of(spec, park.value().model, job.id);
    if (!instances) {
      return instances.error();
    }
    if (job.gang >= 0) {
      return refusal("job '" + job.id + "' belongs to a gang", "The bound of acceptance counts jobs one by one");
    }
    AcceptanceArrival arrival{.begin_ns = job.submit_ns, .end_ns = std::numeric_limits<TimeNs>::max()};
    if (job.duration_ns >= 0) {
      arrival.end_ns = job.submit_ns + job.duration_ns;
    }
    arrival.possible = instances.value().has_value();
    arrival.instances = instances.value().value_or(MigCounts{});
    arrival.weight = problem.arrivals.size() < warmup    ? 0
                     : weight == AcceptanceWeight::count ? 1
                     : arrival.possible                  ? units_of(arrival.instances, lattice)
                                                         : lattice.units() * spec.request.num_gpu;
    problem.arrivals.push_back(arrival);
  }
  return problem;
}

}  // namespace gpusched::sim
