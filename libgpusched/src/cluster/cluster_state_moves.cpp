// Pods on their way from one place to another.
#include "gpusched/cluster/cluster_state.hpp"

#include "cluster/state_errors.hpp"

namespace gpusched {

Status ClusterState::check_move(const PodMove& move) const {
  const PodRecord* record = pod(move.pod);
  if (record == nullptr || record->phase == PodPhase::absent) {
    return unknown(pod_text(move.pod) + " is not known");
  }
  if (record->phase < PodPhase::bound || !(record->placement == move.from)) {
    return conflict(pod_text(move.pod) + " is not bound where the move starts");
  }
  const Candidate* target = moving_to(move.pod);
  return target == nullptr || *target == move.to ? Status{}
                                                 : conflict(pod_text(move.pod) + " is being moved to another place");
}

Status ClusterState::on(TimeNs, const PodMoveStarted& event) {
  const PodMove& move = event.move;
  const PodRecord* record = pod(move.pod);
  const bool in_flight = moving_to(move.pod) != nullptr;
  if (record != nullptr && record->holds_resources() && record->placement == move.to && !in_flight) {
    return {};  // late: it has moved
  }
  if (Status possible = check_move(move); !possible || in_flight) {
    return possible;  // an error, or a repeated event
  }
  const RequestClassId request = pods_[move.pod.value].request;
  // An exchange: for a while the pod is in both places, and needs the CPU and memory of both.
  if (Status fits = check_placement(requests_[request.value], move.to, {}); !fits) {
    return fits;
  }
  shift(request, move.to, 1);
  mark_changed(move.to.node);
  moving_to_.emplace(move.pod, move.to);
  return {};
}

Status ClusterState::on(TimeNs now, const PodMoved& event) {
  const PodMove& move = event.move;
  const PodRecord* record = pod(move.pod);
  const bool in_flight = moving_to(move.pod) != nullptr;
  if (record != nullptr && record->holds_resources() && record->placement == move.to && !in_flight) {
    return {};  // a repeated event
  }
  if (Status possible = check_move(move); !possible) {
    return possible;
  }
  if (!in_flight) {
    if (Status fits = check_placement(requests_[record->request.value], move.to, {}); !fits) {
      return fits;
    }
  }
  const PodPhase phase = record->phase;
  give_back(move.pod);
  take(move.pod, move.to);
  pods_[move.pod.value].phase = phase;
  last_moved_ns_[move.pod] = now;
  return {};
}

Status ClusterState::on(TimeNs now, const PodMoveFailed& event) {
  const Candidate* target = moving_to(event.move.pod);
  if (target == nullptr || !(*target == event.move.to)) {
    return {};  // late: it has ended otherwise
  }
  release_target(event.move.pod);
  last_moved_ns_[event.move.pod] = now;
  return {};
}

const Candidate* ClusterState::moving_to(PodId pod) const {
  const auto found = moving_to_.find(pod);
  return found == moving_to_.end() ? nullptr : &found->second;
}

std::optional<TimeNs> ClusterState::last_moved_ns(PodId pod) const {
  const auto found = last_moved_ns_.find(pod);
  return found == last_moved_ns_.end() ? std::nullopt : std::optional(found->second);
}

void ClusterState::release_target(PodId pod) {
  const auto found = moving_to_.find(pod);
  shift(pods_[pod.value].request, found->second, -1);
  mark_changed(found->second.node);
  moving_to_.erase(found);
}

}  // namespace gpusched
