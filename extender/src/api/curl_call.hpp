#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/api_access.hpp"

namespace gpusched::extender {

/// The bearer token of a token file, read anew every minute: it is swapped under us.
class TokenSource {
 public:
  explicit TokenSource(const ApiAccess& access) : file_(access.token_file), token_(access.token) {}
  /// The old token stays while the file cannot be read. Not thread-safe.
  const std::string& token();
  /// The server refused it: read the file at the next call.
  void forget() { read_at_s_ = -1; }

 private:
  std::string file_;
  std::string token_;
  double read_at_s_ = -1;
};

/// What one HTTP exchange is made of.
struct CurlExchange {
  std::string method = "GET";
  std::string url;
  std::string body;
  std::string content_type;
  std::string token;
  int timeout_ms = 0;  ///< of the whole exchange; 0 = none
  /// Takes each piece of the body with the status of the reply; false ends the exchange.
  std::function<bool(int status, std::string_view bytes)> take;
  const std::atomic<bool>* stop = nullptr;  ///< true ends the exchange
};

struct CurlReply {
  int status = 0;
  int retry_after_s = 0;
};

/// One connection to the API server, kept over exchanges. Not thread-safe.
class CurlConnection {
 public:
  explicit CurlConnection(const ApiAccess& access);
  ~CurlConnection();
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;

  Result<CurlReply> exchange(const CurlExchange& exchange);

 private:
  CURL* handle_;
};

/// Seconds on a clock that never goes back.
double monotonic_s();

}  // namespace gpusched::extender
