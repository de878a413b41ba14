#pragma once

#include <cstdint>
#include <span>

#include "gpusched/sim/generators/trace_generators.hpp"

// The functions behind the rows of trace_generators(), one file each.
namespace gpusched::sim {

std::span<const GeneratorParameter> mig_mix_parameters();
Result<Trace> generate_mig_mix(const GeneratorValues& values, std::uint64_t seed);

std::span<const GeneratorParameter> mixed_day_parameters();
Result<Trace> generate_mixed_day(const GeneratorValues& values, std::uint64_t seed);

std::span<const GeneratorParameter> mode_mix_parameters();
Result<Trace> generate_mode_mix(const GeneratorValues& values, std::uint64_t seed);

std::span<const GeneratorParameter> openb_like_parameters();
Result<Trace> generate_openb_like(const GeneratorValues& values, std::uint64_t seed);

std::span<const GeneratorParameter> tiny_parameters();
Result<Trace> generate_tiny(const GeneratorValues& values, std::uint64_t seed);

}  // namespace gpusched::sim
