#pragma once

#include <string>
#include <utility>

#include "gpusched/base/ids.hpp"
#include "gpusched/base/result.hpp"

/// How the cluster state says that an event cannot be.
namespace gpusched {

inline Error conflict(std::string message) {
  return {.code = ErrorCode::invalid_argument, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
}

inline Error unknown(std::string message) {
  return {.code = ErrorCode::not_found, .message = std::move(message), .file = {}, .line = 0, .remedy = {}};
}

inline std::string pod_text(PodId pod) { return "pod #" + std::to_string(pod.value); }

}  // namespace gpusched
