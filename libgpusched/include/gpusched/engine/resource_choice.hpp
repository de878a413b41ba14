#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpusched/base/ids.hpp"
#include "gpusched/policy/mode_rules.hpp"

namespace gpusched {

/// Why a unit of a counted resource does not do for a job. docs/admission.md
enum class UnitBar : std::uint8_t {
  none,               ///< it does
  mode,               ///< the job's own mode is another one
  isolation,          ///< a replica is shared, the job wants to be kept apart
  trust,              ///< MPS is used only where the job asks for it by name
  several_units,      ///< two replicas may be of one device
  model_not_known,    ///< nobody says how much memory a unit has, or how fast it is
  memory_not_stated,  ///< who does not say how much memory he needs shares with nobody
  memory,             ///< a unit has less
  share,              ///< a unit is a smaller part of the GPU than the fraction asked for
  slowdown,           ///< predicted to be slower than tolerated
  too_few,            ///< no node has as many units
};

/// "mode", "isolation" ...: constant words.
const char* to_string(UnitBar bar);

/// Units of a counted resource that are alike: a name, on GPUs of one model, divided in one way.
struct ResourceOption {
  std::string mig_profile;   ///< of the name; empty for nvidia.com/gpu
  bool shared = false;       ///< the name ends in .shared
  GpuModelId model{};        ///< not valid: not known
  std::string unit_profile;  ///< the MIG instance that a unit is, or is a replica of; empty = a device
  std::int32_t replicas = 1;
  ModeKind mode = ModeKind::whole;
  std::int64_t memory_mib = 0;   ///< of a unit: of a replica its part; 0 = not known
  std::int64_t share_milli = 0;  ///< of a whole GPU
  double slowdown = 1;           ///< predicted, all replicas in use by jobs like this one
  bool free_now = false;         ///< some node that takes pods has enough units left
  UnitBar bar = UnitBar::none;
};

/// Which resource a pod should name that only says what it needs.
struct ResourceChoice {
  std::int32_t units = 0;
  std::vector<ResourceOption> fit;      ///< the best first; empty: nothing in the cluster does
  std::vector<ResourceOption> refused;  ///< each with the first rule that is broken
  bool profile_known = false;           ///< false: the fallback of the job's class stood in

  /// The best under another name than the first; nullptr: there is none.
  const ResourceOption* runner_up() const;
};

}  // namespace gpusched
