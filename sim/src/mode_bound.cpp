#include "gpusched/sim/mode_bound.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"
#include "gpusched/perf/tenant_demand.hpp"

namespace gpusched::sim {

namespace {

constexpr double unit = static_cast<double>(milli_per_unit);
constexpr std::array<double, 9> memory_weights = {.1, .2, .3, .4, .5, .6, .7, .8, .9};

/// Tolerated slowdown; without a statement anything is.
double limit_of(const GpuRequest& request) {
  return request.max_slowdown > 0 ? request.max_slowdown : std::numeric_limits<double>::infinity();
}

double footprint_mib(const GpuRequest& request, const JobProfile& profile) {
  return static_cast<double>(request.gpu_memory_mib > 0 ? request.gpu_memory_mib : profile.memory_peak_mib);
}

/// Only training's time is its work; what has a duration of its own ends when that is over.
bool has_work_to_do(const GpuRequest& request, const JobProfile& profile) {
  return profile.kind == JobKind::closed && request.job_class != JobClass::dev;
}

}  // namespace

FluidCost::FluidCost(const GpuRequest& request, const JobProfile& profile, GpuModelId model,
                     const PerfConstants& constants) {
  const double count = request.num_gpu;
  alternatives_.push_back({.mode = SharingMode::whole, .memory = count, .compute = count});
  if (profile.kind == JobKind::service) {
    useful_gpus_ = count * profile.request_load->mean;
  } else {
    useful_gpus_ = count * (has_work_to_do(request, profile) ? 1 : profile.duty_cycle);
  }
  if (request.num_gpu > 1) {
    return;
  }
  add_instances(request, profile, model, constants);
  if (request.isolation == Isolation::none) {
    add_shared(request, profile, model, constants);
  }
}

void FluidCost::add_instances(const GpuRequest& request, const JobProfile& profile, GpuModelId model_id,
                              const PerfConstants& constants) {
  const GpuModel& model = gpu_model(model_id);
  if (!model.has_lattice()) {
    return;
  }
  const double needed_mib = footprint_mib(request, profile) + constants.context_memory_mib;
  const TenantDemand whole = tenant_demand(profile, LoadPoint::mean, constants);
  for (std::size_t i = 0; i < model.profiles.size(); ++i) {
    const MigProfile& mig = model.profiles[i];
    if (mig.is_label() || needed_mib > static_cast<double>(mig.memory_mib.value_or(0))) {
      continue;
    }
    const std::int64_t k_milli =
        slice_slowdown_milli(profile, model_id, MigProfileId{static_cast<std::uint16_t>(i)}, constants);
    if (exclusive_slowdown(on_slice(whole, k_milli)) > limit_of(request)) {
      continue;
    }
    // A slower job holds its slice for longer while it works; requests only queue.
    const double active = has_work_to_do(request, profile) ? 1 : profile.duty_cycle;
    const double k = static_cast<double>(k_milli) / unit;
    const double stretch = profile.kind == JobKind::service ? 1 : 1 + active * (k - 1);
    const SliceFractions slice = slice_fractions(model, mig);
    alternatives_.push_back(
        {.mode = SharingMode::mig, .memory = stretch * slice.memory, .compute = stretch * slice.compute});
  }
}

void FluidCost::add_shared(const GpuRequest& request, const JobProfile& profile, GpuModelId model,
                           const PerfConstants& constants) {
  const double device_mib = static_cast<double>(gpu_model(model).memory_mib.value_or(0));
  const double memory = footprint_mib(request, profile) / device_mib;
  if (footprint_mib(request, profile) + constants.context_memory_mib > device_mib) {
    return;
  }
  const double limit = limit_of(request);
  const TenantDemand tenant = tenant_demand(profile, LoadPoint::mean, constants);
  const double engine_active = tenant.engine_active_milli / unit;
  const double mps_demand = tenant.mps_demand_milli / unit;
  MpsShares mps{.memory = memory};
  if (tenant.service) {
    const double load = tenant.load_milli / unit;
    if (exclusive_slowdown(tenant) > limit) {
      return;
    }
    alternatives_.push_back({.mode = SharingMode::time_slice, .memory = memory, .compute = load});
    mps.demand = mps_demand * std::min(1.0, constants.mps_service_weight * load);
    // slow / (1 - load slow) <= T, slow = 1 + what the others demand
    mps.most_sum = mps.demand + (std::isinf(limit) ? 1 / load : limit / (1 + load * limit)) - 1;
  } else {
    mps.active = has_work_to_do(request, profile) ? 1 : tenant.activity_milli / unit;
    alternatives_.push_back({.mode = SharingMode::time_slice, .memory = memory, .compute = mps.active * engine_active});
    mps.engine_active = engine_active;
    mps.demand = mps_demand;
    // 1 - u + u slow <= T
    mps.most_sum = mps_demand + (engine_active > 0 ? (limit - 1) / engine_active : 0);
  }
  mps.least_sum = mps.demand;
  if (!request.trust_domain.empty()) {
    mps_ = mps;
  }
}

double FluidCost::MpsShares::gpus(double weight) const {
  if (demand <= 0) {
    return weight * memory;
  }
  const auto at = [&](double sum) {
    const double slowdown = 1 + engine_active * (sum - demand);
    const double compute = (1 - weight) * demand / sum;
    return active * slowdown * (weight * memory + compute) + (1 - active) * weight * memory;
  };
  if (engine_active <= 0) {  // a service: the more neighbours, the smaller its share
    return weight * memory + (1 - weight) * demand / most_sum;
  }
  // Memory held for longer against a smaller share of compute: least where the derivative vanishes.
  const double best = std::sqrt((1 - weight) * demand * std::max(0.0, 1 - engine_active * demand) /
                                std::max(1e-12, weight * memory * engine_active));
  return at(std::clamp(best, least_sum, std::max(least_sum, most_sum)));
}

FluidCost::Cost FluidCost::cheapest(double memory_weight) const {
  Cost best{.mode = SharingMode::whole, .gpus = std::numeric_limits<double>::infinity()};
  for (const Alternative& alternative : alternatives_) {
    const double gpus = memory_weight * alternative.memory + (1 - memory_weight) * alternative.compute;
    if (gpus < best.gpus) {
      best = {.mode = alternative.mode, .gpus = gpus};
    }
  }
  if (mps_ && mps_->gpus(memory_weight) < best.gpus) {
    best = {.mode = SharingMode::mps, .gpus = mps_->gpus(memory_weight)};
  }
  return best;
}

namespace {

/// GPUs of a trace, all of one model.
struct Gpus {
  GpuModelId model;
  double count = 0;
};

/// One job in the knapsack.
struct FluidJob {
  double useful = 0;                                 ///< most useful full-GPU seconds within the window
  std::array<double, memory_weights.size()> cost{};  ///< GPU-seconds for all of it
};

Error refused(ErrorCode code, std::string message, std::string remedy) {
  return {.code = code, .message = std::move(message), .file = "", .line = 0, .remedy = std::move(remedy)};
}

Result<Gpus> gpus_of(const Trace& trace) {
  Gpus gpus;
  const TraceNode* first = nullptr;
  for (const TraceNode& node : trace.nodes) {
    if (node.num_gpu == 0) {
      continue;
    }
    const Result<GpuModelId> model = find_gpu_model(node.gpu_model);
    if (!model) {
      return model.error();
    }
    if (first != nullptr && model.value() != gpus.model) {
      return refused(ErrorCode::unsupported,
                     "nodes '" + first->id + "' and '" + node.id + "' have GPUs of different models",
                     "The bound counts GPUs of one model");
    }
    first = first == nullptr ? &node : first;
    gpus.model = model.value();
    gpus.count += node.num_gpu;
  }
  if (first == nullptr) {
    return refused(ErrorCode::invalid_argument, "the trace has no GPUs", "");
  }
  return gpus;
}

using ProfileIndex = std::unordered_map<std::string_view, const JobProfile*>;  // never iterated

Result<const JobProfile*> profile_of(const JobSpec& spec, const std::string& job, const ProfileIndex& profiles) {
  const GpuRequest& request = spec.request;
  if (request.gpu_milli != milli_per_unit || !request.mig_profile.empty() || request.mode != SharingMode::unstated) {
    return refused(ErrorCode::unsupported, "job '" + job + "' asks for a share, an instance or a mode",
                   "The bound is of jobs whose mode is to be chosen");
  }
  const std::string& name = spec.true_profile.empty() ? request.job_profile : spec.true_profile;
  const auto place = profiles.find(name);
  if (place == profiles.end()) {
    return refused(ErrorCode::not_found,
                   name.empty() ? "job '" + job + "' has no job profile"
                                : "job '" + job + "' names the job profile '" + name + "', which the trace lacks",
                   "");
  }
  return place->second;
}

double seconds(TimeNs ns) { return static_cast<double>(ns) / static_cast<double>(ns_per_s); }

/// Adds one row to `sum` and, when it can do anything in the window, to `jobs`.
void add_row(const TraceJob& row, const JobSpec& spec, const JobProfile& profile, const FluidCost& cost,
             TimeNs begin_ns, TimeNs end_ns, ModeBound& sum, std::vector<FluidJob>& jobs) {
  const auto overlap = [&](TimeNs from, TimeNs to) {
    return seconds(std::max<TimeNs>(0, std::min(to, end_ns) - std::max(from, begin_ns)));
  };
  const TimeNs duration = row.duration_ns < 0 ? end_ns : row.duration_ns;  // stays
  const double at_once = overlap(row.submit_ns, row.submit_ns + duration);
  sum.offered += spec.replicas * at_once * cost.useful_gpus();
  sum.demand += spec.replicas * at_once * cost.gpus(load_memory_weight);
  const bool waits = row.max_wait_ns < 0 || has_work_to_do(spec.request, profile);
  const TimeNs last = waits ? end_ns : row.submit_ns + row.max_wait_ns + duration;
  const double most = spec.replicas * std::min(seconds(duration), overlap(row.submit_ns, last));
  if (most * cost.useful_gpus() <= 0) {
    return;
  }
  FluidJob& job = jobs.emplace_back();
  job.useful = most * cost.useful_gpus();
  for (std::size_t i = 0; i < memory_weights.size(); ++i) {
    job.cost[i] = most * cost.gpus(memory_weights[i]);
  }
}

/// Most useful work for this much GPU time, with the weight's costs: the best jobs first, the last one in part.
double fractional_knapsack(const std::vector<FluidJob>& jobs, std::size_t weight, double gpu_seconds) {
  std::vector<std::size_t> order(jobs.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return jobs[a].useful * jobs[b].cost[weight] > jobs[b].useful * jobs[a].cost[weight];
  });
  double useful = 0;
  for (const std::size_t i : order) {
    const FluidJob& job = jobs[i];
    if (job.cost[weight] >= gpu_seconds) {
      return useful + job.useful * gpu_seconds / job.cost[weight];
    }
    gpu_seconds -= job.cost[weight];
    useful += job.useful;
  }
  return useful;
}

}  // namespace

Result<ModeBound> mode_bound(const Trace& trace, TimeNs begin_ns, TimeNs end_ns, const PerfConstants& constants) {
  if (begin_ns < 0 || end_ns <= begin_ns) {
    return refused(ErrorCode::invalid_argument,
                   "window from " + std::to_string(begin_ns) + " to " + std::to_string(end_ns) + " ns is empty", "");
  }
  const Result<Gpus> gpus = gpus_of(trace);
  if (!gpus) {
    return gpus.error();
  }
  ProfileIndex profiles;
  for (const JobProfile& profile : trace.profiles) {
    profiles.emplace(profile.name, &profile);
  }
  ModeBound result;
  std::vector<FluidJob> jobs;
  for (const TraceJob& row : trace.jobs) {
    const JobSpec& spec = trace.specs[row.spec];
    if (spec.request.num_gpu == 0) {
      continue;
    }
    const Result<const JobProfile*> profile = profile_of(spec, row.id, profiles);
    if (!profile) {
      return profile.error();
    }
    const FluidCost cost(spec.request, *profile.value(), gpus.value().model, constants);
    add_row(row, spec, *profile.value(), cost, begin_ns, end_ns, result, jobs);
  }
  const double gpu_seconds = gpus.value().count * seconds(end_ns - begin_ns);
  result.offered /= gpu_seconds;
  result.demand /= gpu_seconds;
  result.bound = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < memory_weights.size(); ++i) {
    const double bound = fractional_knapsack(jobs, i, gpu_seconds) / gpu_seconds;
    if (bound < result.bound) {
      result.bound = bound;
      result.memory_weight = memory_weights[i];
    }
  }
  return result;
}

}  // namespace gpusched::sim
