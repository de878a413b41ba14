#include "gpusched/sim/readers/csv.hpp"

#include <algorithm>
#include <cstring>

namespace gpusched::sim {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::string replace_doubled_quotes(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] == '"') {
      ++i;
    }
  }
  return result;
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string file, CsvLimits limits)
    : text_(text), file_(std::move(file)), limits_(limits) {
  if (text_.substr(0, byte_order_mark.size()) == byte_order_mark) {
    position_ = byte_order_mark.size();
  }
}

bool CsvReader::fail(ErrorCode code, int line, std::string message) {
  status_ = Error{.code = code, .message = std::move(message), .file = file_, .line = line, .remedy = ""};
  position_ = text_.size();
  return false;
}

void CsvReader::skip_blank_lines() {
  while (position_ < text_.size()) {
    std::size_t at = position_;
    if (text_[at] == '\r' && at + 1 < text_.size()) {
      ++at;
    }
    if (text_[at] != '\n') {
      return;
    }
    position_ = at + 1;
    ++line_;
  }
}

bool CsvReader::read_metadata_line() {
  if (position_ >= text_.size() || text_[position_] != '#') {
    return false;
  }
  const std::size_t end = std::min(text_.find('\n', position_), text_.size());
  const std::string_view content = text_.substr(position_ + 1, end - position_ - 1);
  // A line without a colon is a remark.
  if (const std::size_t colon = content.find(':'); colon != std::string_view::npos) {
    metadata_.emplace_back(trim(content.substr(0, colon)), trim(content.substr(colon + 1)));
  }
  position_ = std::min(end + 1, text_.size());
  ++line_;
  return true;
}

Status CsvReader::read_header() {
  skip_blank_lines();
  while (read_metadata_line()) {
    skip_blank_lines();
  }
  if (!next()) {
    if (status_.ok()) {
      fail(ErrorCode::data_loss, line_, "no header line");
    }
    return status_;
  }
  header_line_ = record_line_;
  if (fields_.size() > limits_.columns) {
    fail(ErrorCode::invalid_argument, header_line_,
         std::to_string(fields_.size()) + " columns, more than " + std::to_string(limits_.columns));
    return status_;
  }
  for (const std::string_view field : fields_) {
    const std::string_view name = trim(field);
    if (name.empty()) {
      fail(ErrorCode::invalid_argument, header_line_,
           "column " + std::to_string(columns_.size() + 1) + " of the header has no name");
      return status_;
    }
    if (std::find(columns_.begin(), columns_.end(), name) != columns_.end()) {
      fail(ErrorCode::already_exists, header_line_, "column '" + std::string(name) + "' appears twice");
      return status_;
    }
    columns_.emplace_back(name);
  }
  return status_;
}

bool CsvReader::next() {
  fields_.clear();
  if (!unescaped_.empty()) {
    unescaped_.clear();
  }
  skip_blank_lines();
  if (position_ >= text_.size() || !status_.ok()) {
    return false;
  }
  record_line_ = line_;
  record_begin_ = position_;
  record_ended_ = false;
  while (!record_ended_) {
    const bool quoted = position_ < text_.size() && text_[position_] == '"';
    if (!(quoted ? read_quoted_field() : read_plain_field())) {
      fields_.clear();
      return false;
    }
  }
  if (position_ - record_begin_ > limits_.record_bytes) {
    fields_.clear();
    return fail(ErrorCode::invalid_argument, record_line_,
                "record of " + std::to_string(position_ - record_begin_) + " bytes, more than " +
                    std::to_string(limits_.record_bytes));
  }
  return true;
}

bool CsvReader::read_plain_field() {
  const char* const begin = text_.data() + position_;
  const char* const end = text_.data() + text_.size();
  const char* at = begin;
  while (at != end && *at != ',' && *at != '\n' && *at != '"') {
    ++at;
  }
  if (at != end && *at == '"') {
    return fail(ErrorCode::invalid_argument, line_,
                "quote inside an unquoted field; quote the whole field and double the quote");
  }
  std::string_view field(begin, static_cast<std::size_t>(at - begin));
  if (field.size() > limits_.field_bytes) {
    return fail(
        ErrorCode::invalid_argument, line_,
        "field of " + std::to_string(field.size()) + " bytes, more than " + std::to_string(limits_.field_bytes));
  }
  if ((at == end || *at == '\n') && !field.empty() && field.back() == '\r') {
    field.remove_suffix(1);
  }
  fields_.push_back(field);
  position_ += static_cast<std::size_t>(at - begin);
  return end_field(at == end ? '\0' : *at);
}

bool CsvReader::read_quoted_field() {
  const int first_line = line_;
  const std::size_t begin = position_ + 1;
  std::size_t at = begin;
  bool doubled = false;
  for (;; at += 2) {
    at = text_.find('"', at);
    if (at == std::string_view::npos) {
      return fail(ErrorCode::data_loss, first_line,
                  "quoted field does not end: the file is cut off, or a quote is missing");
    }
    if (at + 1 >= text_.size() || text_[at + 1] != '"') {
      break;
    }
    doubled = true;
  }
  const std::string_view content = text_.substr(begin, at - begin);
  if (content.size() > limits_.field_bytes) {
    return fail(
        ErrorCode::invalid_argument, first_line,
        "field of " + std::to_string(content.size()) + " bytes, more than " + std::to_string(limits_.field_bytes));
  }
  line_ += static_cast<int>(std::count(content.begin(), content.end(), '\n'));
  fields_.push_back(doubled ? std::string_view(unescaped_.emplace_back(replace_doubled_quotes(content))) : content);
  position_ = at + 1;
  if (position_ < text_.size() && text_[position_] == '\r') {
    ++position_;
  }
  return end_field(position_ < text_.size() ? text_[position_] : '\0');
}

/// `stop` is the character at the position, or NUL at the end of the text.
bool CsvReader::end_field(char stop) {
  if (position_ >= text_.size()) {
    record_ended_ = true;
    unterminated_line_ = true;
    return true;
  }
  ++position_;
  if (stop == '\n') {
    ++line_;
    record_ended_ = true;
    return true;
  }
  if (stop != ',') {
    return fail(ErrorCode::invalid_argument, line_, "characters after the closing quote of a field");
  }
  return true;
}

void CsvWriter::metadata(std::string_view key, std::string_view value) {
  std::string line = "#" + std::string(key) + ": " + std::string(value);
  // A metadata line has no quoting: a line end would end it.
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  out_ += line + "\n";
}

void CsvWriter::field(std::string_view text) {
  if (!first_) {
    out_ += ',';
  }
  first_ = false;
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out_ += text;
    return;
  }
  out_ += '"';
  for (const char c : text) {
    if (c == '"') {
      out_ += '"';
    }
    out_ += c;
  }
  out_ += '"';
}

void CsvWriter::end_row() {
  out_ += '\n';
  first_ = true;
}

void CsvWriter::row(std::span<const std::string_view> fields) {
  for (const std::string_view text : fields) {
    field(text);
  }
  end_row();
}

}  // namespace gpusched::sim
