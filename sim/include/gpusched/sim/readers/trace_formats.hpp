#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

/// A trace and what happened to the rows on the way.
struct ReadOutcome {
  Trace trace;
  ReadReport report;
};

/// A row of the table of trace formats. A new format is one reader and one row.
struct TraceFormat {
  std::string_view name;
  std::string_view description;
  std::string_view path_meaning;  ///< what the path is: a directory, a file, several files
  /// Whether `text`, the beginning of the file `path`, looks like this format.
  bool (*recognises)(std::string_view path, std::string_view text);
  Result<ReadOutcome> (*read)(const std::string& path);
  Status (*write)(const Trace& trace, const std::string& path);  ///< nullptr: read only
};

/// All formats, in the order in which they are tried on a path without a format.
std::span<const TraceFormat> trace_formats();

/// Reads `FORMAT:PATH`, or `PATH` with the format recognised. PATH `-` is standard input where one stream is enough;
/// gzip-compressed files are read like plain ones.
/// Errors: not_found (file), invalid_argument (format unknown or not recognised, with the known ones; unknown or
/// missing column), data_loss (cut-off file), unsupported (GTF version). A row that is rejected is no error: see
/// ReadReport.
Result<ReadOutcome> read_trace(std::string_view spec);

/// The same, for a cluster alone: nodes and events. A trace without nodes is an error.
Result<ReadOutcome> read_nodes(std::string_view spec);

/// The same, for jobs alone. A trace without job rows is an error.
Result<ReadOutcome> read_jobs(std::string_view spec);

/// Writes a trace in the named format. `-` is standard output where one stream is enough; a path that ends in .gz is
/// compressed.
Status write_trace(std::string_view format, const Trace& trace, const std::string& path);

}  // namespace gpusched::sim
