#include "gpusched/extender/api_client.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/curl_call.hpp"

namespace gpusched::extender {

struct ApiClient::Impl {
  ApiAccess access;
  ApiClientOptions options;
  std::mutex mutex;
  TokenSource tokens;
  std::vector<std::unique_ptr<CurlConnection>> idle;
  double budget;  // calls that may be made at once
  double budget_at_s = monotonic_s();

  Impl(ApiAccess a, ApiClientOptions o) : access(std::move(a)), options(o), tokens(access), budget(options.burst) {}

  /// Seconds to wait before the next call.
  double take_turn() {
    const std::lock_guard lock(mutex);
    const double now = monotonic_s();
    budget = std::min(options.burst, budget + (now - budget_at_s) * options.qps) - 1;
    budget_at_s = now;
    return budget >= 0 ? 0 : -budget / options.qps;
  }
  std::unique_ptr<CurlConnection> borrow() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        auto connection = std::move(idle.back());
        idle.pop_back();
        return connection;
      }
    }
    return std::make_unique<CurlConnection>(access);
  }
  void give_back(std::unique_ptr<CurlConnection> connection) {
    constexpr std::size_t most_idle = 16;
    const std::lock_guard lock(mutex);
    if (idle.size() < most_idle) {
      idle.push_back(std::move(connection));
    }
  }
};

ApiClient::ApiClient(ApiAccess access, ApiClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(access), options)) {}
ApiClient::~ApiClient() = default;

Result<ApiReply> ApiClient::request(const std::string& method, const std::string& path_and_query,
                                    const std::string& body, const std::string& content_type) {
  if (const double wait_s = impl_->take_turn(); wait_s > 0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(wait_s));
  }
  for (int attempt = 0;; ++attempt) {
    ApiReply reply;
    bool too_long = false;
    CurlExchange exchange{.method = method,
                          .url = impl_->access.server_url + path_and_query,
                          .body = body,
                          .content_type = body.empty() ? std::string() : content_type,
                          .token = {},
                          .timeout_ms = impl_->options.timeout_ms,
                          .take = {},
                          .stop = nullptr};
    exchange.take = [&](int, std::string_view bytes) {
      too_long = reply.body.size() + bytes.size() > impl_->options.max_body_bytes;
      if (!too_long) {
        reply.body += bytes;
      }
      return !too_long;
    };
    {
      const std::lock_guard lock(impl_->mutex);
      exchange.token = impl_->tokens.token();
    }
    std::unique_ptr<CurlConnection> connection = impl_->borrow();
    const Result<CurlReply> done = connection->exchange(exchange);
    if (!done) {
      return done.error();  // the connection goes with it
    }
    if (too_long) {
      return Error{.code = ErrorCode::data_loss,
                   .message = method + " " + path_and_query + ": the reply is longer than " +
                              std::to_string(impl_->options.max_body_bytes) + " bytes",
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
    impl_->give_back(std::move(connection));
    if (done.value().status == 401 && attempt == 0) {
      const std::lock_guard lock(impl_->mutex);
      impl_->tokens.forget();  // it may have been swapped
      continue;
    }
    reply.status = done.value().status;
    reply.retry_after_s = done.value().retry_after_s;
    return reply;
  }
}

std::string status_message(std::string_view body) {
  const auto status = nlohmann::json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  if (status.is_object() && status.contains("message") && status["message"].is_string()) {
    return status["message"].get<std::string>();
  }
  return std::string(body.substr(0, 200));
}

BindingReply HttpPodApi::bind(const BindingWrite& binding) {
  const std::string path = "/api/v1/namespaces/" + std::string(binding.ns) + "/pods/" + std::string(binding.name);
  const Result<ApiReply> reply = client_.request("POST", path + "/binding", encode_binding(binding));
  if (!reply) {
    return {.fate = BindingFate::unknown, .message = reply.error().message};
  }
  const int status = reply.value().status;
  if (status >= 200 && status < 300) {
    return {.fate = BindingFate::written, .message = {}};
  }
  const std::string message = status_message(reply.value().body);
  if (status == 409) {
    return {.fate = BindingFate::conflict, .message = message};
  }
  const bool is_final = status >= 400 && status < 500;
  return {.fate = is_final ? BindingFate::refused : BindingFate::unknown,
          .message = "the API server answered " + std::to_string(status) + ": " + message};
}

Result<std::optional<PodObject>> HttpPodApi::read_pod(const std::string& ns, const std::string& name) {
  Result<ApiReply> reply = client_.request("GET", "/api/v1/namespaces/" + ns + "/pods/" + name);
  if (!reply) {
    return reply.error();
  }
  if (reply.value().status == 404) {
    return std::optional<PodObject>();
  }
  if (reply.value().status != 200) {
    return Error{.code = ErrorCode::io,
                 .message = "reading pod " + ns + "/" + name + ": the API server answered " +
                            std::to_string(reply.value().status) + ": " + status_message(reply.value().body),
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  std::string text = std::move(reply.value().body);
  const std::size_t size = text.size();
  text.append(wire_padding, ' ');
  Result<PodObject> pod = decode_pod({text.data(), size});
  return pod ? Result<std::optional<PodObject>>(std::optional(std::move(pod).value()))
             : Result<std::optional<PodObject>>(pod.error());
}

}  // namespace gpusched::extender
