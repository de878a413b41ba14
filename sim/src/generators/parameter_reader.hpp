#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"

namespace gpusched::sim {

/// Reads the values of a generator as numbers and names. Keeps the first error and goes on, so that a generator reads
/// all its parameters and asks once; values read after an error are harmless, not meaningful.
class ParameterReader {
 public:
  explicit ParameterReader(const GeneratorValues& values) : values_(values) {}

  /// A finite decimal number in [low, high].
  double number(std::string_view name, double low, double high);
  /// A whole number in [low, high].
  std::int64_t integer(std::string_view name, std::int64_t low, std::int64_t high);
  /// One of `choices`, as its index.
  std::size_t choice(std::string_view name, std::span<const std::string_view> choices);
  /// A GPU model of the catalogue.
  GpuModelId gpu_model(std::string_view name);

  bool ok() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }

 private:
  const std::string& text(std::string_view name) const;
  void refuse(std::string_view name, const std::string& reason);

  const GeneratorValues& values_;
  std::optional<Error> error_;
};

}  // namespace gpusched::sim
