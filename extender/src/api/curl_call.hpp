#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/api_access.hpp"

namespace gpusched::extender {

/// The bearer token of a token file, read anew every minute: it is swapped under us. Not thread-safe.
class TokenSource {
 public:
  explicit TokenSource(const ApiAccess& access) : file_(access.token_file), token_(access.token) {}
  /// The old token stays while the file cannot be read, is empty or holds what no header can carry.
  const std::string& token();
  /// The server refused it: the next call reads the file. False: there is no file to read.
  bool forget() {
    read_at_s_ = -1;
    return !file_.empty();
  }

 private:
  std::string file_;
  std::string token_;
  double read_at_s_ = -1;
};

/// What one HTTP exchange is made of.
struct CurlExchange {
  std::string method = "GET";
  std::string path;  ///< path and query, after the server's URL
  std::string body;
  std::string content_type;
  std::string token;
  int timeout_ms = 0;  ///< of the whole exchange; 0 = none
  bool fresh = false;  ///< on a new connection: credentials may have been swapped
  /// Takes each piece of the body with the status of the reply; false ends the exchange.
  std::function<bool(int status, std::string_view bytes)> take;
  const std::atomic<bool>* stop = nullptr;  ///< true ends the exchange; CurlConnection::wake() has it seen at once
};

struct CurlReply {
  int status = 0;
  int retry_after_s = 0;
  std::string cut;  ///< why the body broke off; empty: it is whole
};

/// One connection to the API server, kept over exchanges. Not thread-safe but for wake().
class CurlConnection {
 public:
  explicit CurlConnection(const ApiAccess& access);
  ~CurlConnection();
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;

  /// An error: no reply came at all. It names method and path, no query and no secret.
  Result<CurlReply> exchange(const CurlExchange& exchange);

  /// Has a running exchange look at its `stop`. From any thread.
  void wake() { curl_multi_wakeup(multi_); }

 private:
  CURLcode perform(const std::atomic<bool>* stop);

  std::string url_;          // of the server
  std::string host_header_;  // where it is not what the URL says
  CURL* easy_;
  CURLM* multi_;
  curl_slist* connect_to_ = nullptr;
  char problem_[CURL_ERROR_SIZE] = {};
};

/// Seconds on a clock that never goes back.
double monotonic_s();

}  // namespace gpusched::extender
