#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpusched::profiler {

/// The cells of a line, separated by commas; quotes as in RFC 4180, blanks around cells are left away. False when a
/// quote does not end in the line.
bool split_csv(std::string_view line, std::vector<std::string>& cells);

/// The words of a line of `dcgmi dmon`; "GPU 0" and "GPU-I 3", its first column, are one.
std::vector<std::string> split_dmon(std::string_view line);

}  // namespace gpusched::profiler
