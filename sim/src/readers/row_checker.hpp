#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/base/units.hpp"
#include "gpusched/sim/trace.hpp"

#include "readers/number_text.hpp"

namespace gpusched::sim {

/// Amounts beyond these are mistakes of unit or of export, not clusters.
inline constexpr std::int64_t max_cpu_milli = 1'000'000'000;
inline constexpr std::int64_t max_memory_mib = std::int64_t{1} << 50;
inline constexpr std::int64_t max_num_gpu = 4096;
inline constexpr std::int64_t max_replicas = 1'000'000;

/// Counts rows and the reasons for which rows are rejected, and checks single values on the way.
/// A rejected value makes the whole row rejected: the first reason counts.
class RowChecker {
 public:
  RowChecker(ReadReport& report, std::string file) : report_(report), file_(std::move(file)) {}

  void begin_row(int line) {
    line_ = line;
    ++report_.read;
  }
  void keep_row() { ++report_.kept; }

  /// Counts the row under `reason`; returns false.
  bool reject(std::string_view reason, std::string_view message);

  /// Not empty.
  bool required(std::string_view column, std::string_view text);
  /// A whole number within [least, most]; empty leaves `value` alone.
  bool integer(std::string_view column, std::string_view text, std::int64_t least, std::int64_t most,
               std::int64_t& value);
  bool integer(std::string_view column, std::string_view text, std::int64_t least, std::int64_t most,
               std::int32_t& value);
  /// Seconds; empty leaves `value` alone.
  bool seconds(std::string_view column, std::string_view text, TimeNs& value);
  /// A number of at least `least`; empty leaves `value` alone.
  bool decimal(std::string_view column, std::string_view text, double least, double& value);
  /// 0 or 1; empty leaves `value` alone.
  bool flag(std::string_view column, std::string_view text, bool& value);

  const std::string& file() const { return file_; }
  int line() const { return line_; }
  /// An Error that names file and line of the current row.
  Error error(ErrorCode code, std::string message) const;

 private:
  bool reject_number(std::string_view column, NumberProblem problem, std::string_view text);

  ReadReport& report_;
  std::string file_;
  int line_ = 0;
};

}  // namespace gpusched::sim
