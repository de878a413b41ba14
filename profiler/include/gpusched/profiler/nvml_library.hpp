#pragma once

#include <memory>
#include <string>

#include "gpusched/base/result.hpp"

namespace gpusched::nvml {

/// NVIDIA's management library as the driver of this machine brings it, loaded and initialised.
class Library {
 public:
  /// Loads `path`, a name that the dynamic linker looks for or a file, and calls nvmlInit.
  /// not_found without such a library; unsupported where it is not NVML or does not match the driver.
  static Result<Library> open(const std::string& path = "libnvidia-ml.so.1");

 private:
  explicit Library(std::shared_ptr<void> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<void> handle_;
};

}  // namespace gpusched::nvml
