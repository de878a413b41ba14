#include "perf/exclusive_slice.hpp"

#include <string>

#include "gpusched/perf/partition_slowdown.hpp"
#include "gpusched/perf/slice_speed.hpp"

#include "perf/slowdown_rows.hpp"

namespace gpusched {

Result<std::vector<double>> exclusive_slice_slowdown(std::string_view model, JobKind kind,
                                                     const SharedPartition& partition, const PerfConstants& constants) {
  if (!partition.profile) {
    return not_for(model, "a whole GPU", "Name a MIG profile");
  }
  if (partition.tenants.size() != 1) {
    return not_for(model, std::to_string(partition.tenants.size()) + " tenants", "Time-sliced MIG takes several");
  }
  const JobProfile& job = *partition.tenants.front();
  if (job.kind != kind) {
    return not_for(model, std::string("the ") + to_string(job.kind) + " job '" + job.name + "'",
                   "Each kind of job has its own model");
  }
  const std::int64_t k = slice_slowdown_milli(job, partition.gpu_model, *partition.profile, constants);
  return std::vector<double>{exclusive_slowdown(on_slice(tenant_demand(job, partition.load, constants), k))};
}

}  // namespace gpusched
