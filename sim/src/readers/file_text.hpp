#pragma once

#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// The whole content of a file, decompressed when it is gzip (told by its first bytes, not by its name);
/// "-" is standard input. Errors: not_found, io, data_loss (gzip stream cut off or damaged), invalid_argument (too
/// large).
Result<std::string> read_file(const std::string& path);

/// Up to `bytes` of the beginning, for telling formats apart.
Result<std::string> read_file_beginning(const std::string& path, std::size_t bytes);

/// Replaces the file; "-" is standard output; compressed when the name ends in .gz.
Status write_file(const std::string& path, std::string_view text);

/// The content of a gzip stream.
Result<std::string> decompress_gzip(std::string_view data, const std::string& file);

}  // namespace gpusched::sim
