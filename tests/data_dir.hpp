#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace gpusched::test {

inline std::filesystem::path data_dir() {
  if (const char* const dir = std::getenv("GPUSCHED_DATA_DIR"); dir != nullptr && *dir != '\0') {
    return dir;
  }
  const char* const source = std::getenv("GPUSCHED_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
}

/// A file or folder of the public data that is not part of the repository ("openb/openb_node_list_all_node.csv").
/// Leaves a line "run NAME" or "skip NAME" in the file that GPUSCHED_DATA_TEST_LOG names, for tools/test to count.
inline std::optional<std::filesystem::path> find_data(const std::string& name) {
  const std::filesystem::path path = data_dir() / name;
  std::error_code ignored;
  const bool present = std::filesystem::exists(path, ignored);
  if (const char* const log = std::getenv("GPUSCHED_DATA_TEST_LOG"); log != nullptr && *log != '\0') {
    std::ofstream(log, std::ios::app) << (present ? "run " : "skip ") << name << '\n';
  }
  return present ? std::optional(path) : std::nullopt;
}

inline bool data_is_required() {
  const char* const required = std::getenv("GPUSCHED_REQUIRE_DATA");
  return required != nullptr && std::string(required) == "1";
}

}  // namespace gpusched::test

/// Ends the test when `data` (a result of find_data) is absent: skipped, or failed where data are required.
#define GPUSCHED_NEED_DATA(data, name)                                                              \
  if (!(data).has_value()) {                                                                        \
    if (::gpusched::test::data_is_required()) {                                                     \
      FAIL() << "GPUSCHED_REQUIRE_DATA=1, but " << (::gpusched::test::data_dir() / (name)).string() \
             << " does not exist";                                                                  \
    }                                                                                               \
    GTEST_SKIP() << (::gpusched::test::data_dir() / (name)).string() << " does not exist";          \
  }
