// Twenty jobs on three nodes, every kind of request once, small enough to be followed on paper (traces/README.md).
#include <array>
#include <string>
#include <utility>

#include "generators/generators.hpp"
#include "generators/trace_builder.hpp"

namespace gpusched::sim {

namespace {

struct TinyJob {
  std::string_view id;
  std::string_view kind;
  JobClass job_class;
  std::int64_t submit_s;
  std::int64_t duration_s;  ///< -1 = stays
  std::int32_t num_gpu;
  std::int32_t gpu_milli;
  std::string_view mig_profile;
  std::int64_t cpu_milli;
  std::int64_t memory_mib;
  std::int32_t priority = 0;
  std::int32_t replicas = 1;
  std::int32_t gang_min = 0;
  std::int32_t gang = -1;
  std::int64_t max_wait_s = -1;
};

using C = JobClass;

constexpr std::array<TinyJob, 20> tiny_jobs = {{
    {"whole-1", "batch", C::batch, 0, 600, 1, 1000, "", 8'000, 32'768},
    {"share-1", "service", C::always_on, 10, 900, 1, 500, "", 2'000, 8'192, 1000},
    {"share-2", "service", C::always_on, 20, 900, 1, 300, "", 2'000, 8'192, 1000},
    {"share-3", "session", C::dev, 30, 300, 1, 200, "", 2'000, 8'192, 100},
    {"cpu-1", "pod", C::unknown, 40, 200, 0, 0, "", 4'000, 16'384},
    {"mig-1", "batch", C::batch, 50, 600, 1, 1000, "1g.10gb", 2'000, 8'192},
    {"mig-2", "batch", C::batch, 60, 600, 1, 1000, "3g.40gb", 4'000, 16'384},
    {"mig-3", "batch", C::batch, 70, 300, 1, 1000, "2g.20gb", 2'000, 8'192},
    {"mig-4", "batch", C::batch, 80, 120, 1, 1000, "7g.80gb", 8'000, 32'768},
    {"whole-2", "batch", C::batch, 90, 300, 1, 1000, "", 8'000, 32'768},
    {"share-4", "batch", C::burst, 100, 60, 1, 400, "", 2'000, 8'192, 0, 1, 0, -1, 60},
    {"cpu-2", "pod", C::unknown, 120, 100, 0, 0, "", 16'000, 65'536},
    {"gang-1", "batch", C::batch, 1'000, 400, 1, 1000, "", 8'000, 32'768, 0, 2, 2},
    {"whole-3", "batch", C::batch, 1'050, 200, 2, 1000, "", 16'000, 65'536},
    {"mig-5", "batch", C::batch, 1'100, 300, 1, 1000, "4g.40gb", 4'000, 16'384},
    {"pair-gpu", "batch", C::batch, 1'700, 200, 1, 1000, "", 8'000, 32'768, 0, 1, 0, 0},
    {"pair-cpu", "batch", C::batch, 1'700, 200, 0, 0, "", 8'000, 32'768, 0, 1, 0, 0},
    {"whole-4", "batch", C::batch, 2'000, 600, 1, 1000, "", 8'000, 32'768},
    {"share-5", "session", C::dev, 2'150, 300, 1, 250, "", 2'000, 8'192, 100},
    {"stay-1", "service", C::always_on, 2'300, -1, 1, 500, "", 2'000, 8'192, 1000},
}};

TraceNode node(std::string id, std::string model, std::int32_t num_gpu, NodeSharing sharing) {
  TraceNode row;
  row.id = std::move(id);
  row.gpu_model = std::move(model);
  row.num_gpu = num_gpu;
  row.cpu_milli = 32'000;
  row.memory_mib = 131'072;
  row.sharing = sharing;
  return row;
}

JobSpec spec_of(const TinyJob& row) {
  JobSpec spec;
  spec.kind = std::string(row.kind);
  spec.replicas = row.replicas;
  spec.gang_min = row.gang_min;
  spec.request.num_gpu = row.num_gpu;
  spec.request.gpu_milli = row.gpu_milli;
  spec.request.mig_profile = std::string(row.mig_profile);
  spec.request.mode = row.mig_profile.empty() ? SharingMode::unstated : SharingMode::mig;
  spec.request.cpu_milli = row.cpu_milli;
  spec.request.memory_mib = row.memory_mib;
  spec.request.priority = row.priority;
  spec.request.preemptible = row.priority == 0;
  spec.request.job_class = row.job_class;
  return spec;
}

}  // namespace

std::span<const GeneratorParameter> tiny_parameters() { return {}; }

Result<Trace> generate_tiny(const GeneratorValues&, std::uint64_t) {
  Trace trace;
  trace.nodes = {node("a-whole", "H100-80GB-SXM5", 2, NodeSharing::any),
                 node("b-mig", "A100-80GB", 1, NodeSharing::mig), node("c-cpu", "", 0, NodeSharing::any)};
  trace.gangs = {"pair"};
  TraceBuilder builder(trace);
  for (const TinyJob& row : tiny_jobs) {
    TraceJob& job = builder.add(std::string(row.id), spec_of(row), row.submit_s * ns_per_s,
                                row.duration_s < 0 ? TimeNs{-1} : row.duration_s * ns_per_s);
    job.gang = row.gang;
    job.max_wait_ns = row.max_wait_s < 0 ? TimeNs{-1} : row.max_wait_s * ns_per_s;
  }
  TraceEvent down;
  down.time_ns = 2'100 * ns_per_s;
  down.target = "node";
  down.target_id = "a-whole";
  down.event = "down";
  down.cause = "gpu";
  down.duration_ns = 100 * ns_per_s;
  trace.events.push_back(std::move(down));
  builder.finish();
  return trace;
}

}  // namespace gpusched::sim
