#include "gpusched/base/result.hpp"

namespace gpusched {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::data_loss:
      return "data_loss";
    case ErrorCode::io:
      return "io";
  }
  GPUSCHED_CHECK(false, "unknown error code");
}

std::string Error::to_string() const {
  std::string text;
  if (!file.empty()) {
    text += file;
    if (line > 0) {
      text += ":" + std::to_string(line);
    }
    text += ": ";
  }
  text += message;
  if (!remedy.empty()) {
    text += ". " + remedy;
  }
  return text;
}

}  // namespace gpusched
