#pragma once

#include <cstdint>
#include <variant>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/cluster/allocation.hpp"
#include "gpusched/cluster/node_spec.hpp"
#include "gpusched/model/job_profile.hpp"

namespace gpusched {

/// Why a node takes no new pods, or that it does again.
enum class NodeHealth : std::uint8_t { ready, draining, down };

struct NodeAdded {
  NodeSpec node;
};
/// The node reports something else than before; its pods stay. Only of nodes whose resources are counted.
struct NodeChanged {
  NodeId node;
  NodeSpec spec;  ///< of the same name
};
struct NodeRemoved {
  NodeId node;
};
struct HealthChanged {
  NodeId node;
  NodeHealth health = NodeHealth::ready;
};
struct PodSubmitted {
  PodId pod;
  RequestClassId request;
  std::uint64_t version = 0;
};
/// The engine gave the pod its place; nothing runs yet.
struct Reserved {
  PodId pod;
  Candidate placement;
};
struct ReservationReleased {
  PodId pod;
};
struct PodBound {
  PodId pod;
  Candidate placement;
  std::uint64_t version = 0;
};
struct PodStarted {
  PodId pod;
  std::uint64_t version = 0;
};
struct PodFinished {
  PodId pod;
  std::uint64_t version = 0;
};
/// The pod is gone for good: its number may name another one.
struct PodForgotten {
  PodId pod;
};
/// The pod lost its place and waits again.
struct PodEvicted {
  PodId pod;
  std::uint64_t version = 0;
};
/// The pod is being moved: it holds both places until it has moved or the move has failed.
struct PodMoveStarted {
  PodMove move;
};
/// The pod has its new place and gave the old one back. A move that takes no time was not started before.
struct PodMoved {
  PodMove move;
};
/// The pod stays where it was; the new place is free again.
struct PodMoveFailed {
  PodMove move;
};
/// A job was measured, or measured anew: the profile of that name from now on.
struct ProfileLoaded {
  JobProfile profile;
};
/// The GPU takes no newcomer until it is released: it is kept for somebody who needs it empty, or is being reshaped.
struct GpuHeld {
  NodeId node;
  std::uint16_t gpu = 0;
};
struct GpuReleased {
  NodeId node;
  std::uint16_t gpu = 0;
};
/// Time passes.
struct Tick {};

/// What happened. The cluster state is the fold of these, nothing else.
struct Event {
  TimeNs time_ns = 0;
  std::variant<NodeAdded, NodeChanged, NodeRemoved, HealthChanged, PodSubmitted, Reserved, ReservationReleased,
               PodBound, PodStarted, PodFinished, PodForgotten, PodEvicted, PodMoveStarted, PodMoved, PodMoveFailed,
               ProfileLoaded, GpuHeld, GpuReleased, Tick>
      what;
};

}  // namespace gpusched
