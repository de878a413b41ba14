#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include <unistd.h>

#include "gpusched/profiler/profile_file.hpp"

namespace gpusched::profiler {

namespace {

Error io_error(const std::string& path, const std::string& what) {
  return {.code = ErrorCode::io, .message = what + ": " + std::strerror(errno), .file = path, .line = 0, .remedy = {}};
}

Result<std::string> read_stream(std::istream& in, const std::string& name, std::uint64_t most_bytes) {
  std::string text;
  std::vector<char> block(1 << 16);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > most_bytes) {
      return Error{.code = ErrorCode::invalid_argument,
                   .message = "larger than " + std::to_string(most_bytes >> 20U) + " MiB",
                   .file = name,
                   .line = 0,
                   .remedy = "Split it, or cut it to the time that matters"};
    }
  }
  return text;
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::uint64_t most_bytes) {
  if (path == "-") {
    return read_stream(std::cin, "standard input", most_bytes);
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "a folder",
                 .file = path,
                 .line = 0,
                 .remedy = "Name its files"};
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{.code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 .message = std::strerror(errno),
                 .file = path,
                 .line = 0,
                 .remedy = {}};
  }
  return read_stream(in, path, most_bytes);
}

Status check_writable(const std::string& path) {
  if (path == "-") {
    return {};
  }
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    errno = EISDIR;
    return io_error(path, "cannot be written");
  }
  return access(folder.c_str(), W_OK) == 0 ? Status() : io_error(path, "cannot be written");
}

Status write_text_file(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::cout << text << std::flush;
    return {};
  }
  // A device or a pipe takes the text; it must not be replaced by a file.
  std::error_code ignored;
  const bool replace = !std::filesystem::exists(path, ignored) || std::filesystem::is_regular_file(path, ignored);
  const std::string temporary = replace ? path + ".tmp" + std::to_string(getpid()) : path;
  std::ofstream out(temporary, std::ios::binary);
  if (!(out << text) || !out.flush()) {
    Error error = io_error(path, "cannot be written");
    if (replace) {
      unlink(temporary.c_str());
    }
    return error;
  }
  out.close();
  if (replace && std::rename(temporary.c_str(), path.c_str()) != 0) {
    Error error = io_error(path, "cannot be written");
    unlink(temporary.c_str());
    return error;
  }
  return {};
}

}  // namespace gpusched::profiler
