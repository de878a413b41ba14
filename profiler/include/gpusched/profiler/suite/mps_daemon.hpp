#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "gpusched/base/result.hpp"

namespace gpusched::suite {

/// A control daemon of NVIDIA's Multi-Process Service that belongs to the suite alone: its own pipes in a folder of its
/// own. No setting of the device changes, the compute mode neither. Stopped at the end of this object.
class MpsDaemon {
 public:
  /// unsupported: no nvidia-cuda-mps-control on PATH, or it does not start here; the message holds what it said.
  static Result<MpsDaemon> start();
  ~MpsDaemon();
  MpsDaemon(MpsDaemon&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  MpsDaemon& operator=(MpsDaemon&&) = delete;

  /// What clients need in CUDA_MPS_PIPE_DIRECTORY.
  std::string pipe_folder() const { return (folder_ / "pipe").string(); }

 private:
  explicit MpsDaemon(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

}  // namespace gpusched::suite
