#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::extender {

/// One request, complete. Everything it points to lives until the handler returns.
struct HttpRequest {
  std::string_view method;       ///< as sent: "GET", "HEAD", "POST"
  std::string_view target;       ///< path and query as sent, never empty
  std::string_view body;         ///< at least 64 readable bytes follow its end, of any content
  std::string_view client_name;  ///< common name of the verified client certificate; empty without one
};

/// The answer. A reply to HEAD is sent without its body, with the length that the body has.
struct HttpReply {
  int status = 200;                                    ///< 200 to 599
  std::string_view content_type = "application/json";  ///< static storage; not sent when the body is empty
  std::string body;
};

/// Called from several threads at once, one call per request, in order within one connection. A call that blocks keeps
/// its thread: see HttpServerOptions::waits. An exception becomes a 500 with an empty body; the connection lives on.
using HttpHandler = std::function<HttpReply(const HttpRequest&)>;

/// PEM files.
struct TlsOptions {
  std::string cert_file;       ///< certificate, followed by its chain
  std::string key_file;        ///< without a pass phrase
  std::string client_ca_file;  ///< empty: clients need no certificate; else they must show one of these authorities
};

struct HttpServerOptions {
  std::string address = "127.0.0.1";  ///< a numeric IPv4 or IPv6 address
  std::uint16_t port = 0;             ///< 0: any free one, see HttpServer::port()
  std::optional<TlsOptions> tls;      ///< at least TLS 1.2; HTTP/1.1 alone, no ALPN
  int threads = 4;                    ///< handlers that can run at once; accepting has a thread of its own
  /// Whether the handler of this target may wait for others or take long. Such calls have `waiting_threads` of their
  /// own: however many wait, the rest is answered. Empty: none does.
  std::function<bool(std::string_view target)> waits;
  int waiting_threads = 4;
  std::size_t max_header_bytes = 16 * 1024;  ///< of the request line, and again of the header fields
  std::size_t max_body_bytes = 256 * 1024 * 1024;
  std::size_t max_total_body_bytes = 1024 * 1024 * 1024;  ///< of all requests being read or answered
  int max_connections = 1024;                             ///< above it: 503 and close, with TLS close at once
  int header_timeout_ms = 10'000;                         ///< first byte of a request to its last header; TLS handshake
  int body_timeout_ms = 30'000;                           ///< end of the header to end of the body; writing a reply
  int idle_timeout_ms = 120'000;    ///< must exceed the 90 s after which kube-scheduler drops an idle connection
  int certificate_poll_ms = 2'000;  ///< how often the times of the TLS files are looked at
  /// Told of every change of the TLS files that the poll saw: taken over, or why not (the old ones stay in use; told
  /// once for each reason). Called from a thread of the server. May be empty.
  std::function<void(const Status&)> on_certificates;
};

/// Totals since the start, except `open`.
struct HttpServerCounts {
  std::uint64_t accepted = 0;        ///< connections, those refused included
  std::uint64_t refused = 0;         ///< connections above max_connections
  std::uint64_t open = 0;            ///< connections being served now, idle ones included
  std::uint64_t requests = 0;        ///< handler calls
  std::uint64_t handler_errors = 0;  ///< of these, ended by an exception
  std::uint64_t bad_requests = 0;    ///< answered without the handler: 400, 411, 413, 417, 431, 503
  std::uint64_t truncated = 0;       ///< clients that left in the midst of a request
  std::uint64_t timeouts = 0;        ///< connections closed because header, body or reply took too long
  std::uint64_t tls_failures = 0;    ///< handshakes that failed: no or wrong certificate, no TLS, timeout
  std::uint64_t certificate_reloads = 0;
  std::uint64_t certificate_failures = 0;
};

/// HTTP/1.1 server over plain TCP or TLS, with keep-alive, for few busy clients that send large bodies. Every reply
/// carries a Content-Length. Chunked request bodies are answered 411. A protocol error is answered with its status, an
/// empty body and `Connection: close`; a timeout closes the connection without a word.
class HttpServer {
 public:
  /// Listens and serves until destroyed. Errors: io (address in use, not numeric), invalid_argument (an option out of
  /// range), and what is wrong with the TLS files, each named.
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);

  /// Closes what is still open, waits for handler calls that run. Call drain() before, from no handler.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;

  /// Reads the TLS files anew for connections to come; those that run keep what they have. On error the old ones stay
  /// in use. Without TLS it does nothing.
  Status reload_certificates();

  HttpServerCounts counts() const;

  /// Stops listening, answers what comes on open connections with `Connection: close`, and returns when none is open or
  /// after the time given. Idle connections are left to their client until then: closing one could meet a request on
  /// its way, and Go's client does not send a POST again.
  void drain(int timeout_ms);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpusched::extender
