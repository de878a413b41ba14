#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/profiler/suite/flat_object.hpp"

namespace gpusched::suite {

/// The file of a suite's results: JSON lines that are only ever appended. Field "line" tells them apart: "suite" (the
/// device and what ran), "job" (one process of a measurement), "end" (a measurement is over, with its status). A
/// measurement counts from its end line on, so whatever a kill leaves behind does no harm. docs/measuring.md lists the
/// fields.
class ResultLog {
 public:
  /// Opens or makes the file and cuts off a line that was not written to its end. data_loss names a line that is none.
  static Result<ResultLog> open(const std::filesystem::path& file);
  ~ResultLog();
  ResultLog(ResultLog&& other) noexcept;
  ResultLog& operator=(ResultLog&&) = delete;

  /// What the file held when it was opened.
  const std::vector<FlatObject>& earlier() const { return earlier_; }
  /// Ids of measurements whose end line says ok.
  std::set<std::string> done() const;

  /// Appends lines in one write and waits until the disk has them.
  Status append(std::span<const FlatObject> lines);

 private:
  explicit ResultLog(int descriptor, std::filesystem::path file) : descriptor_(descriptor), file_(std::move(file)) {}

  int descriptor_ = -1;
  std::filesystem::path file_;
  std::vector<FlatObject> earlier_;
};

/// Reads a file of results without touching it; a last line without its end does not count.
Result<std::vector<FlatObject>> read_result_log(const std::filesystem::path& file);

}  // namespace gpusched::suite
