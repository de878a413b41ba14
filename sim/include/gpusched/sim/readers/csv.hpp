#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// What a CSV text may not exceed; beyond it the reader stops with an error instead of eating memory.
struct CsvLimits {
  std::size_t field_bytes = 1U << 20;
  std::size_t record_bytes = 1U << 22;
  std::size_t columns = 1024;
};

/// RFC 4180 over a text in memory: quoted fields with embedded commas, newlines and doubled quotes; LF or CRLF; an
/// optional UTF-8 byte order mark. Before the header, lines `#key: value` are metadata. Blank lines are skipped.
/// The text must outlive the reader.
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string file, CsvLimits limits = {});

  /// Reads metadata and header; call once, first. Errors: no header (data_loss), an empty or repeated column name.
  Status read_header();

  const std::vector<std::pair<std::string, std::string>>& metadata() const { return metadata_; }
  const std::vector<std::string>& columns() const { return columns_; }
  int header_line() const { return header_line_; }

  /// Moves to the next record; false at the end and after an error, which status() then holds: a quoted field that does
  /// not end, characters after a closing quote, a quote inside an unquoted field, a limit.
  bool next();
  const Status& status() const { return status_; }

  /// The current record, valid until next(). Its length may differ from columns().
  std::span<const std::string_view> fields() const { return fields_; }
  /// 1-based line on which the current record begins.
  int line() const { return record_line_; }
  /// True when the current record is the last one and its line does not end: with fields missing, a cut-off file.
  bool at_unterminated_line() const { return unterminated_line_; }

  const std::string& file() const { return file_; }

 private:
  bool fail(ErrorCode code, int line, std::string message);
  bool read_quoted_field();
  bool read_plain_field();
  bool end_field(char stop);
  void skip_blank_lines();
  bool read_metadata_line();

  std::string_view text_;
  std::string file_;
  CsvLimits limits_;
  std::size_t position_ = 0;
  std::size_t record_begin_ = 0;
  int line_ = 1;
  int record_line_ = 0;
  int header_line_ = 0;
  bool record_ended_ = false;
  bool unterminated_line_ = false;
  Status status_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unescaped_;  // fields with doubled quotes; a deque keeps views into it valid
};

/// Appends CSV to a string: LF line ends, quotes only where RFC 4180 asks for them.
class CsvWriter {
 public:
  explicit CsvWriter(std::string& out) : out_(out) {}

  void metadata(std::string_view key, std::string_view value);
  void field(std::string_view text);
  void end_row();
  void row(std::span<const std::string_view> fields);

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace gpusched::sim
