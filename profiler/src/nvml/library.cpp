#include <dlfcn.h>

#include "gpusched/profiler/nvml_library.hpp"

namespace gpusched::nvml {

Result<Library> Library::open(const std::string& path) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error{.code = ErrorCode::not_found,
                 .message = "cannot load " + path + ": " + dlerror(),
                 .file = {},
                 .line = 0,
                 .remedy = "It comes with NVIDIA's driver: install the driver, or in a container ask for the GPU"};
  }
  return Library(std::shared_ptr<void>(handle, dlclose));
}

}  // namespace gpusched::nvml
