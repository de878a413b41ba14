#include "gpusched/sim/exact/snapshot_generator.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "gpusched/base/philox.hpp"
#include "gpusched/filter/request_filter.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

#include "generators/trace_builder.hpp"

namespace gpusched::sim {

namespace {

constexpr std::int32_t gpus_per_node = 4;
constexpr std::int32_t most_tenants = 4;
constexpr int attempts_per_resident = 3;
constexpr std::int64_t host_memory_mib_per_gpu = 131'072;
/// Cores per GPU, by node. Seven instances of one slice with 2 to 4 cores each want 14 to 28.
constexpr std::array<std::int64_t, 4> cores_per_gpu = {8, 12, 16, 24};

struct PricedModel {
  const char* name;
  std::int64_t price_milli;
};
using ModelPair = std::array<PricedModel, 2>;
constexpr std::array<ModelPair, 3> model_pairs = {{
    {{{"A100-80GB", 2000}, {"H100-80GB-SXM5", 3500}}},
    {{{"A100-80GB", 2000}, {"A30-24GB", 700}}},
    {{{"H100-80GB-SXM5", 3500}, {"L40S-48GB", 1200}}},
}};

/// One way to serve a kind of job.
struct Way {
  const char* profile;  ///< of an instance; empty: a share or whole GPUs
  std::int32_t gpu_milli = 1000;
  std::int32_t num_gpu = 1;
  SharingMode mode = SharingMode::mig;
  std::int64_t penalty_milli = 0;
  std::int64_t gpu_memory_mib = 0;
};
constexpr Way no_way{.profile = nullptr};

/// A kind of job: its alternatives, best first. Profiles of the seven-slice models and of A30 stand side by side; a
/// node serves those that its model has.
struct Kind {
  const char* name;
  std::int64_t cores;
  std::int64_t worth_milli;  ///< what rejecting costs
  std::array<Way, 4> ways;
};

constexpr SharingMode mig = SharingMode::mig, turns = SharingMode::time_slice, mps = SharingMode::mps,
                      alone = SharingMode::whole;

constexpr std::array<Kind, 16> kinds = {{
    {"api-small", 2, 3000, {{{"1g.10gb"}, {"2g.12gb"}, {"", 250, 1, mps, 80, 8'192}, {"", 250, 1, turns, 150, 8'192}}}},
    {"api-double", 3, 4500, {{{"1g.20gb"}, {"2g.20gb"}, {"4g.24gb"}, {"", 250, 1, turns, 200, 16'384}}}},
    {"api-medium", 4, 6000, {{{"2g.20gb"}, {"3g.40gb"}, {"", 500, 1, mps, 150, 20'480}, no_way}}},
    {"llm", 6, 11'000, {{{"3g.40gb"}, {"4g.40gb"}, {"", 500, 1, turns, 600, 36'864}, no_way}}},
    {"llm-large", 8, 12'000, {{{"4g.40gb"}, {"3g.40gb", 1000, 1, mig, 500}, {"7g.80gb"}, {"", 1000, 1, alone, 0}}}},
    {"tenant-small", 1, 3500, {{{"1g.10gb"}, {"1g.6gb", 1000, 1, mig, 100}, {"2g.12gb"}, no_way}}},
    {"tenant-medium", 3, 6500, {{{"2g.20gb"}, {"1g.20gb", 1000, 1, mig, 250}, {"4g.24gb"}, no_way}}},
    {"tenant-large", 4, 11'500, {{{"3g.40gb"}, {"2g.20gb", 1000, 1, mig, 900}, no_way, no_way}}},
    {"notebook",
     2,
     2000,
     {{{"", 250, 1, turns, 0, 10'240}, {"1g.10gb", 1000, 1, mig, 120}, {"1g.6gb", 1000, 1, mig, 250}, no_way}}},
    {"notebook-large",
     4,
     4000,
     {{{"", 500, 1, turns, 0, 20'480}, {"2g.20gb", 1000, 1, mig, 200}, {"1g.20gb", 1000, 1, mig, 400}, no_way}}},
    {"burst",
     1,
     1500,
     {{{"", 125, 1, mps, 0, 4'096}, {"", 250, 1, turns, 60, 4'096}, {"1g.10gb", 1000, 1, mig, 90}, {"1g.6gb"}}}},
    {"batch-small",
     2,
     2500,
     {{{"2g.20gb"}, {"1g.10gb", 1000, 1, mig, 400}, {"2g.12gb", 1000, 1, mig, 200}, {"", 250, 1, mps, 300, 8'192}}}},
    {"batch-medium", 6, 8000, {{{"4g.40gb"}, {"2g.20gb", 1000, 1, mig, 700}, {"", 500, 1, mps, 350, 30'720}, no_way}}},
    {"training",
     10,
     16'000,
     {{{"", 1000, 1, alone, 0}, {"7g.80gb", 1000, 1, mig, 100}, {"4g.40gb", 1000, 1, mig, 1500}, no_way}}},
    {"training-pair", 20, 30'000, {{{"", 1000, 2, alone, 0}, no_way, no_way, no_way}}},
    {"two-slices", 4, 7000, {{{"2g.20gb", 1000, 2, mig, 0}, {"1g.20gb", 1000, 2, mig, 300}, no_way, no_way}}},
}};
/// How often a kind may be drawn, against the others; each snapshot draws its own weight below this one.
constexpr std::array<std::uint32_t, kinds.size()> most_weight = {14, 6, 4, 2, 1, 12, 4, 1, 14, 4, 14, 6, 2, 1, 1, 1};

SnapshotJob job_of(const Kind& kind) {
  SnapshotJob job;
  job.reject_cost_milli = kind.worth_milli;
  for (const Way& way : kind.ways) {
    if (way.profile != nullptr) {
      GpuRequest request;
      request.cpu_milli = kind.cores * 1000;
      request.memory_mib = kind.cores * 4096;
      request.num_gpu = way.num_gpu;
      request.gpu_milli = way.gpu_milli;
      request.gpu_memory_mib = way.gpu_memory_mib;
      request.mig_profile = way.profile;
      request.mode = way.mode;
      job.alternatives.push_back({request, way.penalty_milli});
    }
  }
  return job;
}

std::vector<SnapshotNode> draw_nodes(std::int32_t gpus, Philox& random) {
  const ModelPair& pair = model_pairs[random.next_below(model_pairs.size())];
  std::vector<SnapshotNode> nodes;
  for (std::int32_t left = gpus; left > 0;) {
    // Two small nodes rather than one of four where there would be one model only.
    const std::int32_t size = std::min(left, gpus <= gpus_per_node ? (gpus + 1) / 2 : gpus_per_node);
    const PricedModel& model = pair[nodes.size() % 2];
    const GpuModelId id = find_gpu_model(model.name).value();
    SnapshotNode node{.spec = {}, .price_milli = model.price_milli};
    node.spec.name = numbered("node-", nodes.size(), 3);
    node.spec.cpu_milli = size * 1000 * cores_per_gpu[random.next_below(cores_per_gpu.size())];
    node.spec.memory_mib = size * host_memory_mib_per_gpu;
    node.spec.replicas = most_tenants;
    node.spec.gpus.assign(static_cast<std::size_t>(size),
                          {.model = id, .memory_mib = gpu_model(id).memory_mib.value_or(0)});
    nodes.push_back(node);
    left -= size;
  }
  return nodes;
}

/// Puts a job at a place drawn at random, as a history of arrivals and departures would have left it.
class ResidentPlacer {
 public:
  explicit ResidentPlacer(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const SnapshotNode& node : snapshot.nodes) {
      const Status added = state_.apply({0, NodeAdded{node.spec}});
      GPUSCHED_CHECK(added.ok(), added.error().message);
      sharing_.emplace_back(node.spec.gpus.size());
    }
  }

  /// Does nothing when the place that was drawn is not free.
  void place(std::uint32_t index, SnapshotJob& job, Philox& random) {
    SnapshotResidence residence;
    residence.alternative = random.next_below(static_cast<std::uint32_t>(job.alternatives.size()));
    const GpuRequest& request = job.alternatives[residence.alternative].request;
    const NodeId node{random.next_below(static_cast<std::uint32_t>(snapshot_.nodes.size()))};
    const RequestClassId kind = state_.intern(request);
    if (filter_.static_reason(state_, kind, state_.node(node).state.shape) != RejectReason::none) {
      return;
    }
    residence.placement.node = node;
    for (std::int32_t i = 0; i < request.num_gpu; ++i) {
      residence.placement.gpus.push_back(draw_part(request, kind, node, random));
    }
    const bool share = request.mig_profile.empty() && request.gpu_milli < milli_per_unit;
    auto& sharing = sharing_[node.value][residence.placement.gpus[0].gpu];
    if (share && sharing && sharing != request.mode) {
      return;
    }
    const PodId pod{index};
    const Status submitted = state_.apply({0, PodSubmitted{.pod = pod, .request = kind, .version = 0}});
    if (!submitted.ok() || !state_.apply({0, Reserved{pod, residence.placement}}).ok()) {
      const Status gone = state_.apply({0, PodFinished{.pod = pod, .version = 0}});
      GPUSCHED_CHECK(gone.ok(), gone.error().message);
      return;
    }
    if (share) {
      sharing = request.mode;
    }
    constexpr std::array<std::int64_t, 3> move_costs_milli = {100, 300, 1000};
    residence.pinned = random.next_below(5) < 2;
    residence.move_cost_milli = move_costs_milli[random.next_below(move_costs_milli.size())];
    job.residence = residence;
  }

 private:
  GpuAssignment draw_part(const GpuRequest& request, RequestClassId kind, NodeId node, Philox& random) {
    const std::vector<GpuSpec>& gpus = snapshot_.nodes[node.value].spec.gpus;
    GpuAssignment part;
    part.gpu = static_cast<std::uint16_t>(random.next_below(static_cast<std::uint32_t>(gpus.size())));
    if (request.mig_profile.empty()) {
      part.share_milli = static_cast<std::uint16_t>(request.gpu_milli);
      part.memory_mib = request.gpu_milli < milli_per_unit ? static_cast<std::int32_t>(request.gpu_memory_mib) : 0;
      return part;
    }
    const GpuModelId model = gpus[part.gpu].model;
    const ResolvedProfile& profile = filter_.resolve(state_, kind, static_cast<std::uint16_t>(model.value));
    const auto places = MigLattice::of(model).placements_of(profile.shape);
    part.range = places[random.next_below(static_cast<std::uint32_t>(places.size()))].range;
    part.profile = profile.profile;
    return part;
  }

  const Snapshot& snapshot_;
  ClusterState state_;
  RequestFilter filter_;
  std::vector<std::vector<std::optional<SharingMode>>> sharing_;  // by node and GPU
};

}  // namespace

Snapshot generate_snapshot(const SnapshotSize& size, std::uint64_t seed) {
  Philox of_nodes(seed, StreamPurpose::request, 0);
  Philox of_jobs(seed, StreamPurpose::request, 1);
  Philox of_places(seed, StreamPurpose::request, 2);
  Snapshot snapshot;
  snapshot.nodes = draw_nodes(size.gpus, of_nodes);
  struct Weight {
    std::uint32_t weight;
  };
  std::vector<Weight> weights;
  for (const std::uint32_t most : most_weight) {
    weights.push_back({of_jobs.next_below(most + 1)});
  }
  weights[0].weight = std::max(weights[0].weight, 1U);  // at least one kind
  ResidentPlacer placer(snapshot);
  for (std::int32_t i = 0; i < size.jobs; ++i) {
    const std::size_t kind = draw_row(of_jobs, weights);
    SnapshotJob job = job_of(kinds[kind]);
    job.id = numbered(std::string(kinds[kind].name) + "-", static_cast<std::size_t>(i), 3);
    const bool was_there = of_jobs.next_below(2) == 0;
    for (int attempt = 0; was_there && attempt < attempts_per_resident && !job.residence; ++attempt) {
      placer.place(static_cast<std::uint32_t>(i), job, of_places);
    }
    snapshot.jobs.push_back(std::move(job));
  }
  return snapshot;
}

SnapshotSize published_snapshot_size(std::uint64_t index) {
  constexpr std::array<SnapshotSize, 4> sizes = {{{4, 25}, {8, 50}, {16, 100}, {32, 200}}};
  SnapshotSize size = sizes[index % sizes.size()];
  size.jobs = static_cast<std::int32_t>(size.jobs * (40 + 20 * (index / sizes.size() % 4)) / 100);  // 40 to 100 %
  return size;
}

}  // namespace gpusched::sim
