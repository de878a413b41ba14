#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"
#include "gpusched/extender/api_access.hpp"
#include "gpusched/extender/pod_api.hpp"

namespace gpusched::extender {

struct ApiReply {
  int status = 0;  ///< of HTTP, never 0
  std::string body;
  int retry_after_s = 0;  ///< 0: the server did not say
};

struct ApiClientOptions {
  /// Calls per second over all threads, after a burst: above what kube-scheduler binds, so that a storm of events is
  /// bounded and a binding never waits.
  double qps = 2000, burst = 4000;
  int timeout_ms = 10'000;  ///< of a call; a turn that comes later than that is refused at once
  std::size_t max_body_bytes = std::size_t{256} << 20;
};

/// Short calls to the API server. Thread-safe; connections are kept and reused. A token file is read anew every minute
/// and after a 401, which is tried once more then. Whoever must not wait behind others' calls has a client of his own.
class ApiClient {
 public:
  explicit ApiClient(ApiAccess access, ApiClientOptions options = {});
  ~ApiClient();

  /// Any HTTP status is a reply; an error is a call without a whole one (no connection, time out, TLS). It names method
  /// and path, no query and no secret. A call on a connection that the server has just closed is sent twice by libcurl:
  /// a write must bear that.
  Result<ApiReply> request(const std::string& method, const std::string& path_and_query, const std::string& body = {},
                           const std::string& content_type = "application/json");

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The verbs' wishes as API calls.
class HttpPodApi : public PodApi {
 public:
  explicit HttpPodApi(ApiClient& client) : client_(client) {}
  BindingReply bind(const BindingWrite& binding) override;
  Result<std::optional<PodObject>> read_pod(const std::string& ns, const std::string& name) override;

 private:
  ApiClient& client_;
};

/// The `message` of a Kubernetes Status object, or the beginning of the text. Not longer than 1,000 bytes.
std::string status_message(std::string_view body);

}  // namespace gpusched::extender
