#include "gpusched/sim/execution/partition_table.hpp"

#include <algorithm>
#include <array>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/partition_slowdown.hpp"

namespace gpusched::sim {

namespace {

bool works(const TenantDemand& demand) { return demand.service ? demand.load_milli > 0 : demand.activity_milli > 0; }

std::int64_t memory_of(const GpuSpec& gpu, const GpuAssignment& part) {
  if (part.range.size == 0) {
    return std::max<std::int64_t>(0, gpu.memory_mib);
  }
  const GpuModel& model = gpu_model(gpu.model);
  const MigProfile& profile = model.profiles[part.profile.value];
  return profile.memory_mib.value_or(gpu.memory_mib * profile.memory_units / model.placement_units);
}

}  // namespace

void Partition::update_slowdowns(const PerfConstants& constants) {
  constexpr std::size_t usual = 16;  // nobody shares one GPU among more
  std::array<TenantDemand, usual> few_demands;
  std::array<double, usual> few_slowdowns{};
  std::vector<TenantDemand> many_demands(tenants.size() > usual ? tenants.size() : 0);
  std::vector<double> many_slowdowns(many_demands.size());
  const std::span<TenantDemand> demands =
      many_demands.empty() ? std::span(few_demands).first(tenants.size()) : std::span(many_demands);
  const std::span<double> slowdowns =
      many_slowdowns.empty() ? std::span(few_slowdowns).first(tenants.size()) : std::span(many_slowdowns);
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    demands[i] = tenants[i].demand;
  }
  if (sharing == PartitionSharing::mps) {
    mps_slowdown(demands, constants, slowdowns);
  } else {
    time_slice_slowdown(demands, constants, slowdowns);
  }
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    tenants[i].slowdown = slowdowns[i];
  }
}

bool Partition::others_work(const PartitionTenant& tenant) const {
  return std::any_of(tenants.begin(), tenants.end(),
                     [&](const PartitionTenant& other) { return other.job != tenant.job && works(other.demand); });
}

void PartitionTable::add_node(const NodeSpec& node) {
  NodeGpus& added = nodes_.emplace_back();
  added.sharing = node.sharing;
  added.gpus = node.gpus;
  for (const GpuSpec& gpu : node.gpus) {
    added.first_slot.push_back(static_cast<std::uint32_t>(partitions_.size()));
    partitions_.resize(partitions_.size() + 1 + static_cast<std::size_t>(gpu_model(gpu.model).placement_units));
    ++gpu_count_;
  }
}

std::uint32_t PartitionTable::slot(NodeId node, const GpuAssignment& part) const {
  const std::uint32_t device = nodes_[node.value].first_slot[part.gpu];
  return part.range.size == 0 ? device : device + 1 + static_cast<std::uint32_t>(part.range.start);
}

PartitionSharing PartitionTable::sharing(NodeId node, const GpuAssignment& part) const {
  if (part.sharing != PartitionSharing::exclusive || part.range.size > 0 || part.share_milli >= milli_per_unit) {
    return part.sharing;
  }
  return nodes_[node.value].sharing == NodeSharing::mps ? PartitionSharing::mps : PartitionSharing::time_slice;
}

void PartitionTable::join(std::uint32_t slot, NodeId node, const GpuAssignment& part, const PartitionTenant& tenant) {
  Partition& partition = partitions_[slot];
  if (partition.tenants.empty()) {
    partition.whole_device = part.range.size == 0;
    partition.sharing = sharing(node, part);
    partition.memory_mib = memory_of(nodes_[node.value].gpus[part.gpu], part);
  }
  partition.tenants.push_back(tenant);
}

void PartitionTable::leave(std::uint32_t slot, std::uint32_t job) {
  std::vector<PartitionTenant>& tenants = partitions_[slot].tenants;
  const auto found =
      std::find_if(tenants.begin(), tenants.end(), [&](const PartitionTenant& tenant) { return tenant.job == job; });
  GPUSCHED_CHECK(found != tenants.end(), "the job is not on this partition");
  tenants.erase(found);
}

}  // namespace gpusched::sim
