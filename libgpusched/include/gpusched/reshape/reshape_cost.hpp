#pragma once

#include <cstdint>

#include "gpusched/base/units.hpp"

namespace gpusched {

/// Where the time of a reshape goes. Terms are kept apart: they differ by orders of magnitude and by who pays.
struct ReshapeTerms {
  TimeNs drain_ns = 0;             ///< until the pods of a GPU have ended
  TimeNs mode_toggle_ns = 0;       ///< MIG mode on or off; on Ampere a GPU reset
  TimeNs geometry_ns = 0;          ///< instances created and destroyed
  TimeNs operator_restart_ns = 0;  ///< device plugin and the other operator pods of the node
  TimeNs job_restart_ns = 0;  ///< pods that start again: process, CUDA context, model load, work since the checkpoint

  friend bool operator==(const ReshapeTerms&, const ReshapeTerms&) = default;

  TimeNs total_ns() const { return drain_ns + mode_toggle_ns + geometry_ns + operator_restart_ns + job_restart_ns; }
};

/// What a plan costs: how long it takes, one step after the other, and how much GPU time pods lose meanwhile (a pod on
/// half of a GPU loses half of the time in which it does not run).
struct ReshapeCost {
  ReshapeTerms elapsed;
  ReshapeTerms lost_gpu;

  friend bool operator==(const ReshapeCost&, const ReshapeCost&) = default;
};

/// How long single steps take. Defaults and their sources: docs/reshape.md.
struct ReshapeDurations {
  TimeNs drain_ns = 30 * ns_per_s;             ///< per GPU: Kubernetes' default grace period
  TimeNs mode_toggle_ns = 5 * ns_per_s;        ///< without reset
  TimeNs reset_ns = 30 * ns_per_s;             ///< more, where the toggle needs a reset
  TimeNs create_ns = 132'000'000;              ///< one instance, by the driver
  TimeNs destroy_ns = 167'000'000;             ///< one instance, by the driver
  TimeNs apply_geometry_ns = 1 * ns_per_s;     ///< mig-parted, one GPU
  TimeNs operator_restart_ns = 60 * ns_per_s;  ///< once per node
  TimeNs job_restart_ns = 30 * ns_per_s;       ///< per pod
};

}  // namespace gpusched
