#pragma once

#include <cstdint>
#include <span>

#include "gpusched/sim/generators/trace_generators.hpp"

// The functions behind the rows of trace_generators(), one file each.
namespace gpusched::sim {

std::span<const GeneratorParameter> mig_mix_parameters();
Result<Trace> generate_mig_mix(const GeneratorValues& values, std::uint64_t seed);

}  // namespace gpusched::sim
