#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "gpusched/profiler/device_sample.hpp"

namespace gpusched::profiler {

/// One field of DCGM and where it goes.
struct DcgmField {
  std::array<std::string_view, 3> names;  ///< old, new, and in the head of `dcgmi dmon`; empty: none
  bool of_instances;                      ///< DCGM counts it per MIG instance; others are the whole GPU's
  double most;                            ///< a larger value is none
  void (*store)(DeviceSample& sample, double value);
};

/// nullptr for fields that profiles do not need.
const DcgmField* find_dcgm_field(std::string_view name);

/// True for what DCGM gives where it has no value: dcgmvalue.h, blank values.
bool is_blank(double value);

}  // namespace gpusched::profiler
