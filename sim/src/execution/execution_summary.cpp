#include "gpusched/sim/execution/execution_summary.hpp"

namespace gpusched::sim {

const char* to_string(GoodputClass goodput_class) {
  constexpr std::array<const char*, goodput_class_count> names = {"service", "burst", "dev", "training", "gang"};
  return names[static_cast<std::size_t>(goodput_class)];
}

const char* to_string(StartMode mode) {
  constexpr std::array<const char*, start_mode_count> names = {"whole", "mig", "time_slice", "mps", "time_sliced_mig"};
  return names[static_cast<std::size_t>(mode)];
}

}  // namespace gpusched::sim
