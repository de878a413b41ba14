#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/perf/measurement.hpp"

namespace gpusched::sim {

/// Measured times of jobs alone and beside each other.
struct MeasurementTable {
  std::vector<Measurement> rows;
  std::int64_t did_not_run = 0;            ///< rows of ParvaGPU's files without a time: out of memory
  std::vector<std::string> other_files{};  ///< CSV files of a folder that hold something else
};

/// Parses CSV in our form, in MISO's or in ParvaGPU's, told apart by the header; docs/formats/measurements.md.
/// `file` is named in errors, and ParvaGPU's model is the file's name. A bad row is an error with its line: a fit must
/// not lose rows silently.
Result<MeasurementTable> parse_measurements(std::string_view text, const std::string& file);

/// Reads a file, "-", or every CSV file of a folder in the order of their names.
Result<MeasurementTable> read_measurements(const std::string& path);

}  // namespace gpusched::sim
