#include "gpusched/extender/api_client.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "api/api_status.hpp"
#include "api/curl_call.hpp"

namespace gpusched::extender {

struct ApiClient::Impl {
  ApiAccess access;
  ApiClientOptions options;
  std::mutex token_mutex;
  TokenSource tokens;
  std::mutex mutex;
  std::vector<std::unique_ptr<CurlConnection>> idle;
  double budget;  // calls that may be made at once
  double budget_at_s = monotonic_s();

  Impl(ApiAccess a, ApiClientOptions o) : access(std::move(a)), options(o), tokens(access), budget(options.burst) {}

  /// Seconds to wait before the next call; nullopt: longer than a call may last.
  std::optional<double> take_turn() {
    const std::lock_guard lock(mutex);
    const double now = monotonic_s();
    budget = std::min(options.burst, budget + (now - budget_at_s) * options.qps);
    budget_at_s = now;
    const double wait_s = budget >= 1 ? 0 : (1 - budget) / options.qps;
    if (wait_s * 1000 > options.timeout_ms) {
      return std::nullopt;
    }
    budget -= 1;
    return wait_s;
  }
  std::string token(bool refused_before, bool& is_new) {
    const std::lock_guard lock(token_mutex);
    is_new = refused_before && tokens.forget();
    return tokens.token();
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
    constexpr std::size_t most_idle = 64;  // above the bindings at once: each new connection costs a handshake
    const std::lock_guard lock(mutex);
    if (idle.size() < most_idle) {
      idle.push_back(std::move(connection));
    }
  }

  /// The exchange on a connection of the pool.
  Result<ApiReply> call(CurlExchange& exchange) {
    ApiReply reply;
    bool too_long = false;
    exchange.take = [&](int, std::string_view bytes) {
      too_long = reply.body.size() + bytes.size() > options.max_body_bytes;
      if (!too_long) {
        reply.body += bytes;
      }
      return !too_long;
    };
    std::unique_ptr<CurlConnection> connection = borrow();
    const Result<CurlReply> done = connection->exchange(exchange);
    if (!done) {
      return done.error();  // the connection goes with it
    }
    if (too_long || !done.value().cut.empty()) {
      const std::string what = too_long
                                   ? "the reply is longer than " + std::to_string(options.max_body_bytes) + " bytes"
                                   : "the reply broke off: " + done.value().cut;
      return Error{.code = too_long ? ErrorCode::data_loss : ErrorCode::io,
                   .message = exchange.method + " " + exchange.path.substr(0, exchange.path.find('?')) + ": " + what,
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
    give_back(std::move(connection));
    reply.status = done.value().status;
    reply.retry_after_s = done.value().retry_after_s;
    return reply;
  }
};

ApiClient::ApiClient(ApiAccess access, ApiClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(access), options)) {}
ApiClient::~ApiClient() = default;

Result<ApiReply> ApiClient::request(const std::string& method, const std::string& path_and_query,
                                    const std::string& body, const std::string& content_type) {
  const std::optional<double> wait_s = impl_->take_turn();
  if (!wait_s) {
    return Error{.code = ErrorCode::io,
                 .message = method + " " + path_and_query.substr(0, path_and_query.find('?')) +
                            ": too many calls wait for their turn",
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  if (*wait_s > 0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(*wait_s));
  }
  bool is_new = false;
  CurlExchange exchange{.method = method,
                        .path = path_and_query,
                        .body = body,
                        .content_type = content_type,
                        .token = impl_->token(/*refused_before=*/false, is_new),
                        .timeout_ms = impl_->options.timeout_ms,
                        .fresh = false,
                        .take = {},
                        .stop = nullptr};
  Result<ApiReply> reply = impl_->call(exchange);
  if (!reply || reply.value().status != 401) {
    return reply;
  }
  exchange.token = impl_->token(/*refused_before=*/true, is_new);  // it may have been swapped
  exchange.fresh = true;
  return is_new ? impl_->call(exchange) : reply;
}

std::string status_message(std::string_view body) { return read_status(body).message; }

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
