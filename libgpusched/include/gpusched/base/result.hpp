#pragma once

#include <string>
#include <utility>
#include <variant>

#include "gpusched/base/check.hpp"

namespace gpusched {

/// What kind of trouble an Error reports. Shells map it once: exit codes, HTTP fields, Python exceptions.
enum class ErrorCode {
  invalid_argument,  ///< a value is malformed or out of range
  not_found,         ///< a file, name or entity does not exist
  already_exists,    ///< a name or id is used twice
  unsupported,       ///< understood, but not possible here (MIG on a model without known placements, for example)
  data_loss,         ///< truncated or inconsistent file
  io,                ///< the operating system refused
};

/// Name of the code as it appears in messages and JSON ("invalid_argument").
const char* to_string(ErrorCode code);

/// An error is a value: what happened, where, and what to do about it.
struct Error {
  ErrorCode code = ErrorCode::invalid_argument;
  std::string message;  ///< names the offending value
  std::string file;     ///< empty when the value did not come from a file
  int line = 0;         ///< 1-based; 0 when unknown
  std::string remedy;   ///< what the user can do; empty when obvious

  /// "FILE:LINE: MESSAGE. REMEDY", without the parts that are empty.
  std::string to_string() const;
};

/// A value or an Error. Reading the wrong alternative is a bug (InvariantError).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT: implicit by design, `return value;`
  Result(Error error) : value_(std::move(error)) {}  // NOLINT: implicit by design, `return Error{...};`

  bool ok() const { return std::holds_alternative<T>(value_); }
  explicit operator bool() const { return ok(); }

  const T& value() const& {
    GPUSCHED_CHECK(ok(), error().to_string());
    return std::get<T>(value_);
  }
  T& value() & {
    GPUSCHED_CHECK(ok(), error().to_string());
    return std::get<T>(value_);
  }
  T&& value() && {
    GPUSCHED_CHECK(ok(), error().to_string());
    return std::get<T>(std::move(value_));
  }
  const Error& error() const {
    GPUSCHED_CHECK(!ok(), "the result holds a value");
    return std::get<Error>(value_);
  }

 private:
  std::variant<T, Error> value_;
};

/// Success or an Error, for calls without a value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit by design

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    GPUSCHED_CHECK(!ok_, "the status is ok");
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace gpusched
