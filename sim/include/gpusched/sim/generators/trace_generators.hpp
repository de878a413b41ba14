#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// One parameter of a generator, as help texts and documentation show it.
struct GeneratorParameter {
  std::string_view name;
  std::string_view default_value;
  std::string_view unit;  ///< "s", "GPUs", "1"; empty for names
  std::string_view description;
};

/// Every parameter of one generator with its text: the caller's, else the default.
using GeneratorValues = std::map<std::string_view, std::string, std::less<>>;

/// A row of the table of generators. A new generator is one file and one row.
struct TraceGenerator {
  std::string_view name;
  std::string_view description;
  std::span<const GeneratorParameter> parameters;
  Result<Trace> (*generate)(const GeneratorValues& values, std::uint64_t seed);
};

/// All generators, in the order in which they are listed.
std::span<const TraceGenerator> trace_generators();

/// Generates a trace: the same one for the same name, parameters and seed, on every compiler.
/// Its metadata say how: name, time_origin (anonymous), generator, seed, parameters (all of them,
/// "NAME=VALUE|..."), params_hash (FNV-1a, 64 bits, of that text).
/// Errors: not_found for an unknown generator or parameter, with the known ones; invalid_argument for a value that is
/// malformed or out of its range, with the range.
Result<Trace> generate_trace(std::string_view name, const std::map<std::string, std::string>& parameters,
                             std::uint64_t seed);

}  // namespace gpusched::sim
