#include "gpu_reservations.hpp"

#include <algorithm>

namespace gpusched::sim {

namespace {

/// Of a pod of this class, in seconds: orders of magnitude that are known without knowing the job (mode study,
/// section 4).
std::int64_t expected_duration_s(JobClass job_class) {
  switch (job_class) {
    case JobClass::burst:
      return 300;
    case JobClass::batch:
      return 2'000;
    case JobClass::always_on:
    case JobClass::dev:
    case JobClass::unknown:
      break;
  }
  return 10'000;
}

/// By GPU of the node: the expected durations of all pods that hold a part of it.
std::vector<std::int64_t> busy_s_of(const ClusterState& state, const Node& node) {
  std::vector<std::int64_t> busy_s(node.state.gpus.size());
  for (const PodId id : node.pods) {
    const PodRecord& pod = *state.pod(id);
    for (const GpuAssignment& part : pod.placement.gpus) {
      busy_s[part.gpu] += expected_duration_s(state.request(pod.request).job_class);
    }
  }
  return busy_s;
}

}  // namespace

bool GpuReservations::concerns(const GpuRequest& request) {
  return request.num_gpu > 1 && request.gpu_milli == milli_per_unit && request.mig_profile.empty();
}

TimeNs GpuReservations::wait(std::uint32_t unit, TimeNs now) {
  waiting_.emplace(now, unit);
  return now + patience_ns_;
}

std::optional<GpuReservation> GpuReservations::leave(std::uint32_t unit) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second == unit; });
  const auto found =
      std::find_if(given_.begin(), given_.end(), [&](const GpuReservation& given) { return given.unit == unit; });
  if (found == given_.end()) {
    return std::nullopt;
  }
  GpuReservation left = std::move(*found);
  given_.erase(found);
  return left;
}

std::optional<std::uint32_t> GpuReservations::next_due(TimeNs now) const {
  if (given_.size() >= most_ || waiting_.empty() || waiting_.begin()->first + patience_ns_ > now) {
    return std::nullopt;
  }
  return waiting_.begin()->second;
}

std::optional<GpuReservation> GpuReservations::choose(const ClusterState& state, RequestClassId request,
                                                      std::uint32_t unit) {
  const auto wanted = static_cast<std::size_t>(state.request(request).num_gpu);
  std::optional<GpuReservation> best;
  std::int64_t best_busy_s = 0;
  for (std::uint32_t i = 0; i < state.nodes().size(); ++i) {
    const Node& node = state.nodes()[i];
    if (node.removed || node.health != NodeHealth::ready ||
        filter_.static_reason(state, request, node.state.shape) != RejectReason::none) {
      continue;
    }
    const std::vector<std::int64_t> busy_s = busy_s_of(state, node);
    std::vector<std::pair<std::int64_t, std::uint16_t>> order;
    for (std::uint16_t gpu = 0; gpu < busy_s.size(); ++gpu) {
      if (!node.state.gpus[gpu].held) {
        order.emplace_back(busy_s[gpu], gpu);
      }
    }
    if (order.size() < wanted) {
      continue;
    }
    std::sort(order.begin(), order.end());
    std::int64_t node_busy_s = 0;
    GpuReservation here{.unit = unit, .node = NodeId{i}, .gpus = {}};
    for (std::size_t k = 0; k < wanted; ++k) {
      node_busy_s += order[k].first;
      here.gpus.push_back(order[k].second);
    }
    if (!best || node_busy_s < best_busy_s) {
      std::sort(here.gpus.begin(), here.gpus.end());
      best = std::move(here);
      best_busy_s = node_busy_s;
    }
  }
  return best;
}

void GpuReservations::give(GpuReservation reservation) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second == reservation.unit; });
  given_.push_back(std::move(reservation));
}

std::optional<std::uint32_t> GpuReservations::first_ready(const ClusterState& state) const {
  for (const GpuReservation& given : given_) {
    const GpuStates& gpus = state.node(given.node).state.gpus;
    if (std::all_of(given.gpus.begin(), given.gpus.end(), [&](std::uint16_t gpu) { return gpus[gpu].idle(); })) {
      return given.unit;
    }
  }
  return std::nullopt;
}

std::vector<std::uint32_t> GpuReservations::units_on(NodeId node) const {
  std::vector<std::uint32_t> units;
  for (const GpuReservation& given : given_) {
    if (given.node == node) {
      units.push_back(given.unit);
    }
  }
  return units;
}

}  // namespace gpusched::sim
