#pragma once

#include <stdexcept>
#include <string>

namespace gpusched {

/// A bug in this library or in a caller that broke a documented contract; never a property of the input.
class InvariantError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {
[[noreturn]] inline void check_failed(const char* expression, const char* file, int line, const std::string& message) {
  throw InvariantError(std::string(file) + ":" + std::to_string(line) + ": check failed: " + expression +
                       (message.empty() ? "" : ": " + message));
}
}  // namespace detail

}  // namespace gpusched

/// Throws InvariantError when `condition` is false. For bugs only: bad input is a Result.
#define GPUSCHED_CHECK(condition, message)                                         \
  do {                                                                             \
    if (!(condition)) {                                                            \
      ::gpusched::detail::check_failed(#condition, __FILE__, __LINE__, (message)); \
    }                                                                              \
  } while (false)
