#include "gpusched/sim/generators/trace_generators.hpp"

#include <array>
#include <utility>

#include "generators/generators.hpp"

namespace gpusched::sim {

namespace {

/// FNV-1a, 64 bits, as 16 hexadecimal digits.
std::string fnv1a_hex(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  std::string hex(16, '0');
  for (std::size_t i = 0; i < hex.size(); ++i) {
    hex[i] = "0123456789abcdef"[(hash >> (60 - 4 * i)) & 0xFU];
  }
  return hex;
}

template <typename Rows>
std::string names_of(const Rows& rows) {
  std::string names;
  for (const auto& row : rows) {
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return names.empty() ? "none" : names;
}

Error unknown(const std::string& what, std::string_view name, const std::string& known) {
  return Error{.code = ErrorCode::not_found,
               .message = "unknown " + what + " '" + std::string(name) + "'; known: " + known,
               .file = "",
               .line = 0,
               .remedy = ""};
}

Result<GeneratorValues> complete(const TraceGenerator& generator, const std::map<std::string, std::string>& given) {
  GeneratorValues values;
  for (const GeneratorParameter& parameter : generator.parameters) {
    values[parameter.name] = std::string(parameter.default_value);
  }
  for (const auto& [name, value] : given) {
    const auto place = values.find(name);
    if (place == values.end()) {
      return unknown("parameter of " + std::string(generator.name), name, names_of(generator.parameters));
    }
    place->second = value;
  }
  return values;
}

}  // namespace

std::span<const TraceGenerator> trace_generators() {
  static const std::array<TraceGenerator, 5> rows = {
      {{"mig-mix", "steady Poisson demand for MIG instances of six shapes", mig_mix_parameters(), generate_mig_mix},
       {"mixed-day", "a shared cluster: services, bursts, dev sessions, training, gangs, MIG, failures",
        mixed_day_parameters(), generate_mixed_day},
       {"mode-mix", "jobs with profiles and intents, for choosing between whole GPU, MIG, time slicing and MPS",
        mode_mix_parameters(), generate_mode_mix},
       {"openb-like", "pods with the statistics of Alibaba's openb trace", openb_like_parameters(),
        generate_openb_like},
       {"tiny", "20 jobs on 3 nodes, to be checked by hand", tiny_parameters(), generate_tiny}}};
  return rows;
}

Result<Trace> generate_trace(std::string_view name, const std::map<std::string, std::string>& parameters,
                             std::uint64_t seed) {
  for (const TraceGenerator& generator : trace_generators()) {
    if (generator.name != name) {
      continue;
    }
    const Result<GeneratorValues> values = complete(generator, parameters);
    if (!values) {
      return values.error();
    }
    Result<Trace> generated = generator.generate(values.value(), seed);
    if (!generated) {
      return generated;
    }
    std::string text;
    for (const auto& [parameter, value] : values.value()) {
      text += (text.empty() ? "" : "|") + std::string(parameter) + "=" + value;
    }
    std::map<std::string, std::string>& metadata = generated.value().metadata;
    metadata["name"] = std::string(name);
    metadata["time_origin"] = "anonymous";
    metadata["generator"] = "gpusched-sim " + std::string(name);
    metadata["seed"] = std::to_string(seed);
    metadata["parameters"] = text;
    metadata["params_hash"] = fnv1a_hex(text);
    return generated;
  }
  return unknown("generator", name, names_of(trace_generators()));
}

}  // namespace gpusched::sim
