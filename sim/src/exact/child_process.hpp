#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::sim {

/// An executable of that name in a folder of PATH, the first one; nullopt when there is none.
std::optional<std::filesystem::path> find_on_path(const std::string& name);

/// A folder of its own, removed with everything in it at the end.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> create();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

struct ChildLimits {
  double wall_s = 0;            ///< killed after this long
  std::int64_t memory_mib = 0;  ///< of address space
};

/// How a program ended.
struct ChildEnd {
  int exit_code = -1;   ///< -1: ended by a signal
  int signal = 0;       ///< 0: ended by itself
  bool killed = false;  ///< by us, at the limit
  double wall_s = 0;
};

/// Runs a program in `folder` to its end; what it prints goes to `output`, standard input is empty. `look` is called
/// now and then meanwhile; what it throws ends the program and is passed on. io when it cannot be started.
Result<ChildEnd> run_child(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                           const std::filesystem::path& folder, const std::filesystem::path& output,
                           const ChildLimits& limits, const std::function<void()>& look = {});

}  // namespace gpusched::sim
