#pragma once

#include <string>
#include <string_view>

namespace gpusched::extender {

/// A Kubernetes Status object: how the API server says no.
struct ApiStatus {
  int code = 0;  ///< 0: the text is no Status
  std::string reason;
  std::string message;  ///< of a text that is no Status: its beginning
  int retry_after_s = 0;
  /// The version asked for is newer than what the server has: it lags behind, or its store was restored.
  bool version_too_large = false;
};

/// Reads any text.
ApiStatus read_status(std::string_view json);

}  // namespace gpusched::extender
