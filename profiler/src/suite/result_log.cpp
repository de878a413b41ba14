#include "gpusched/profiler/suite/result_log.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

namespace gpusched::suite {

namespace {

Error file_error(const std::filesystem::path& file) {
  return {.code = ErrorCode::io, .message = std::strerror(errno), .file = file.string(), .line = 0, .remedy = {}};
}

/// The lines of a text up to its last newline, and how many bytes they take.
struct CompleteLines {
  std::vector<FlatObject> objects;
  std::size_t bytes = 0;
};

Result<CompleteLines> complete_lines(const std::string& text, const std::filesystem::path& file) {
  CompleteLines lines;
  int number = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', lines.bytes)) {
    ++number;
    Result<FlatObject> object = FlatObject::parse(std::string_view(text).substr(lines.bytes, end - lines.bytes));
    if (!object) {
      Error error = object.error();
      error.code = ErrorCode::data_loss;
      error.file = file.string();
      error.line = number;
      error.remedy = "Mend or delete the line, or measure into another folder";
      return error;
    }
    lines.objects.push_back(std::move(object.value()));
    lines.bytes = end + 1;
  }
  return lines;
}

}  // namespace

Result<ResultLog> ResultLog::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return file_error(file);
  }
  ResultLog log(descriptor, file);
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  Result<CompleteLines> lines = complete_lines(text, file);
  if (!lines) {
    return lines.error();
  }
  if (lines.value().bytes < text.size() && ftruncate(descriptor, static_cast<off_t>(lines.value().bytes)) != 0) {
    return file_error(file);
  }
  log.earlier_ = std::move(lines.value().objects);
  return log;
}

ResultLog::ResultLog(ResultLog&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      file_(std::move(other.file_)),
      earlier_(std::move(other.earlier_)) {}

ResultLog::~ResultLog() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

std::set<std::string> ResultLog::done() const {
  std::set<std::string> ids;
  for (const FlatObject& line : earlier_) {
    if (line.text("line") == "end" && line.text("status") == "ok") {
      ids.insert(line.text("id").value_or(""));
    }
  }
  return ids;
}

Status ResultLog::append(std::span<const FlatObject> lines) {
  std::string text;
  for (const FlatObject& line : lines) {
    text += line.line() + "\n";
  }
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t count = write(descriptor_, text.data() + written, text.size() - written);
    if (count < 0 && errno != EINTR) {
      return file_error(file_);
    }
    written += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  if (fsync(descriptor_) != 0) {
    return file_error(file_);
  }
  return {};
}

Result<std::vector<FlatObject>> read_result_log(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return Error{.code = ErrorCode::not_found,
                 .message = "no results",
                 .file = file.string(),
                 .line = 0,
                 .remedy = "gpusched-profile suite --out DIR writes them"};
  }
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  Result<CompleteLines> lines = complete_lines(text, file);
  if (!lines) {
    return lines.error();
  }
  return std::move(lines.value().objects);
}

}  // namespace gpusched::suite
