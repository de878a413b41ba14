#include "readers/file_text.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <zlib.h>

namespace gpusched::sim {

namespace {

constexpr std::size_t chunk_bytes = 1U << 20;
/// A trace of a hundred million rows; a gzip bomb stops here.
constexpr std::size_t max_text_bytes = std::size_t{16} << 30;
constexpr int gzip_only = 16 + MAX_WBITS;
constexpr std::string_view gzip_magic = "\x1f\x8b";

Error file_error(ErrorCode code, std::string message, const std::string& path) {
  return {.code = code, .message = std::move(message), .file = path, .line = 0, .remedy = ""};
}

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin && file != stdout) {
      std::fclose(file);
    }
  }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

Result<std::string> read_raw(const std::string& path, std::size_t most) {
  std::error_code ignored;
  if (path != "-" && std::filesystem::is_directory(path, ignored)) {
    return file_error(ErrorCode::invalid_argument, "is a directory, a file is expected", path);
  }
  const FileHandle file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) {
    return file_error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io, std::strerror(errno), path);
  }
  std::string text;
  if (const auto size = std::filesystem::file_size(path, ignored); path != "-" && !ignored) {
    text.reserve(std::min<std::size_t>(static_cast<std::size_t>(size), most) + 1);
  }
  for (std::size_t got = 1; got > 0 && text.size() < most;) {
    const std::size_t before = text.size();
    text.resize(std::min(before + chunk_bytes, most));
    got = std::fread(text.data() + before, 1, text.size() - before, file.get());
    text.resize(before + got);
  }
  if (std::ferror(file.get()) != 0) {
    return file_error(ErrorCode::io, "cannot be read", path);
  }
  return text;
}

}  // namespace

Result<std::string> decompress_gzip(std::string_view data, const std::string& file) {
  z_stream stream = {};
  if (inflateInit2(&stream, gzip_only) != Z_OK) {
    return file_error(ErrorCode::io, "zlib does not start", file);
  }
  std::string text;
  int state = Z_OK;
  while (state == Z_OK && text.size() < max_text_bytes) {
    if (stream.avail_in == 0) {
      const std::size_t piece = std::min<std::size_t>(data.size(), 1U << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
      stream.avail_in = static_cast<uInt>(piece);
      data.remove_prefix(piece);
    }
    const std::size_t before = text.size();
    text.resize(before + chunk_bytes);
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + before);
    stream.avail_out = chunk_bytes;
    state = inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
    // Files may hold several gzip members one after the other.
    if (state == Z_STREAM_END && (stream.avail_in > 0 || !data.empty())) {
      state = inflateReset(&stream);
    }
  }
  inflateEnd(&stream);
  if (state == Z_STREAM_END) {
    return text;
  }
  if (state == Z_OK) {
    return file_error(ErrorCode::invalid_argument, "more than 16 GiB of text", file);
  }
  return file_error(ErrorCode::data_loss, "gzip stream is cut off or damaged", file);
}

Result<std::string> read_file(const std::string& path) {
  Result<std::string> text = read_raw(path, max_text_bytes);
  if (text.ok() && text.value().compare(0, gzip_magic.size(), gzip_magic) == 0) {
    return decompress_gzip(text.value(), path);
  }
  return text;
}

Result<std::string> read_file_beginning(const std::string& path, std::size_t bytes) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) {
    return file_error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io, std::strerror(errno), path);
  }
  std::string text(bytes, '\0');
  const int got = gzread(file.get(), text.data(), static_cast<unsigned>(bytes));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

Status write_file(const std::string& path, std::string_view text) {
  if (path.size() > 3 && path.compare(path.size() - 3, 3, ".gz") == 0) {
    const gzFile file = gzopen(path.c_str(), "wb");
    bool written = file != nullptr;
    while (written && !text.empty()) {
      const std::size_t piece = std::min(text.size(), chunk_bytes);
      written = gzwrite(file, text.data(), static_cast<unsigned>(piece)) == static_cast<int>(piece);
      text.remove_prefix(piece);
    }
    written = file != nullptr && gzclose(file) == Z_OK && written;
    return written ? Status() : file_error(ErrorCode::io, "cannot be written", path);
  }
  FileHandle file(path == "-" ? stdout : std::fopen(path.c_str(), "wb"));
  if (!file) {
    return file_error(ErrorCode::io, std::string("cannot be written: ") + std::strerror(errno), path);
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  // A full disk may show only when the buffer is flushed.
  if (!written || std::fflush(file.get()) != 0) {
    return file_error(ErrorCode::io, std::string("cannot be written: ") + std::strerror(errno), path);
  }
  return {};
}

}  // namespace gpusched::sim
