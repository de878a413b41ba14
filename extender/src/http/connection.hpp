#pragma once

// <utility> first: Boost 1.74 uses std::exchange in its coroutine support without including it.
#include <utility>
#if defined(__SANITIZE_THREAD__)
#define BOOST_ASIO_DISABLE_FENCED_BLOCK  // the thread sanitizer does not know fences; asio's queues lock anyway
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "gpusched/extender/http_server.hpp"

#include "http/body_buffer.hpp"
#include "http/receive_buffer.hpp"
#include "http/reply_head.hpp"
#include "http/tls_files.hpp"

/// What http_server.cpp is made of. No other source includes this: it takes half a minute to compile.
namespace gpusched::extender::beast_server {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;
using ErrorOf = beast::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// One read takes up to this much: reads as large as Beast's first buffer (512 bytes) make a large body ten times
/// slower.
inline constexpr std::size_t receive_bytes = 64 * 1024;
/// Replies up to here travel in one piece with their head.
inline constexpr std::size_t small_body_bytes = 16 * 1024;
/// An idle connection gives back a larger body buffer after a while.
inline constexpr std::size_t kept_body_bytes = 1024 * 1024;
inline constexpr seconds kept_body_time{5};
/// After a reply that ends the connection, what the client still sends is read away: closing at once would make the
/// system throw away our reply on its way.
inline constexpr seconds linger_time{2};

struct Counters {
  std::atomic<std::uint64_t> accepted{0}, refused{0}, open{0}, requests{0}, handler_errors{0}, bad_requests{0},
      truncated{0}, timeouts{0}, tls_failures{0}, certificate_reloads{0}, certificate_failures{0};
};

/// What connections need of their server. Outlives them all.
struct Shared {
  HttpServerOptions options;
  HttpHandler handler;
  std::unique_ptr<TlsFiles> tls;       ///< none: plain TCP
  net::io_context* waiting = nullptr;  ///< for calls that wait for others
  Counters counters;
  std::atomic<std::size_t> body_bytes{0};
  std::atomic<bool> draining{false};
  std::mutex mutex;
  std::condition_variable none_open;
};

/// Held by a connection as long as it lives.
class Seat {
 public:
  explicit Seat(Shared& shared) : shared_(shared) { ++shared_.counters.open; }
  ~Seat() {
    const std::lock_guard lock(shared_.mutex);
    if (--shared_.counters.open == 0) {
      shared_.none_open.notify_all();
    }
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

 private:
  Shared& shared_;
};

inline int status_of(const ErrorOf& problem) { return problem == http::error::header_limit ? 431 : 400; }

/// One client, on a beast::tcp_stream or on asio's TLS stream over one (Beast 1.74's own TLS stream never finishes a
/// write of two buffers when the second is above 16 KiB). Its calls follow one another on a strand; whoever waits for
/// the network holds it alive.
template <typename Stream>
class Connection : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  template <typename... StreamArguments>
  explicit Connection(Shared& shared, StreamArguments&&... arguments)
      : shared_(shared),
        seat_(shared),
        stream_(std::forward<StreamArguments>(arguments)...),
        shrink_timer_(stream_.get_executor()),
        received_(std::max(receive_bytes, shared.options.max_header_bytes + 1)),
        body_(shared.body_bytes, shared.options.max_total_body_bytes) {}

  void start() {
    if constexpr (is_tls) {
      deadline(shared_.options.header_timeout_ms);
      stream_.async_handshake(net::ssl::stream_base::server, [self = self()](ErrorOf problem) {
        if (problem) {
          ++self->shared_.counters.tls_failures;
          return;
        }
        self->client_name_ = peer_common_name(self->stream_.native_handle());
        self->next_request();
      });
    } else {
      next_request();
    }
  }

 private:
  static constexpr bool is_tls = !std::is_same_v<Stream, beast::tcp_stream>;

  std::shared_ptr<Connection> self() { return this->shared_from_this(); }
  beast::tcp_stream& tcp_layer() { return beast::get_lowest_layer(stream_); }
  void deadline(int timeout_ms) { tcp_layer().expires_after(milliseconds(timeout_ms)); }

  void next_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.options.max_header_bytes));
    // Judged in take_header(). Without a limit Boost 1.74 finds every body too long.
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    in_header_ = false;
    deadline(shared_.options.idle_timeout_ms);
    shrink_later();
    parse_header();
  }

  /// A read that waits cannot be put aside, so a timer looks after the buffer meanwhile.
  void shrink_later() {
    if (body_.capacity() <= kept_body_bytes) {
      return;
    }
    shrink_timer_.expires_after(kept_body_time);
    shrink_timer_.async_wait([weak = this->weak_from_this()](ErrorOf problem) {
      const std::shared_ptr<Connection> self = weak.lock();
      if (!problem && self && !self->in_header_) {
        self->body_.release();
      }
    });
  }

  void parse_header() {
    if (!in_header_) {
      // Some clients send an empty line after a body.
      while (received_.data().starts_with("\r\n")) {
        received_.consume(2);
      }
      if (!received_.data().empty() && received_.data() != "\r") {
        in_header_ = true;
        deadline(shared_.options.header_timeout_ms);
      }
    }
    if (in_header_) {
      ErrorOf problem;
      received_.consume(parser_->put(net::buffer(received_.data().data(), received_.data().size()), problem));
      if (problem && problem != http::error::need_more) {
        return refuse(status_of(problem));
      }
      if (parser_->is_header_done()) {
        return take_header();
      }
    }
    read_some(received_.space(), [](Connection& connection, std::size_t count) {
      connection.received_.commit(count);
      connection.parse_header();
    });
  }

  template <typename Next>
  void read_some(std::span<char> space, Next next) {
    stream_.async_read_some(net::buffer(space.data(), space.size()),
                            [self = self(), next](ErrorOf problem, std::size_t count) {
                              if (problem) {
                                return self->count_loss(problem);
                              }
                              next(*self, count);
                            });
  }

  /// The connection is gone. Between two requests that is how connections end.
  void count_loss(const ErrorOf& problem) {
    if (in_header_) {
      ++(problem == beast::error::timeout ? shared_.counters.timeouts : shared_.counters.truncated);
    }
  }

  void take_header() {
    const auto& request = parser_->get();
    const std::uint64_t length = parser_->content_length().value_or(0);
    const auto expected = request.find(http::field::expect);
    const bool expects = expected != request.end();
    if (request.version() == 11 && request.count(http::field::host) != 1) {
      return refuse(400);
    }
    if (request.count(http::field::transfer_encoding) > 0) {
      return refuse(411);
    }
    if (length > shared_.options.max_body_bytes) {
      return refuse(413);
    }
    if (expects && !beast::iequals(expected->value(), "100-continue")) {
      return refuse(417);
    }
    const std::string_view data = received_.data();
    if (length <= data.size()) {
      serve(data.substr(0, length));
      return;
    }
    if (!body_.reserve(length)) {
      return refuse(503);
    }
    std::memcpy(body_.data(), data.data(), data.size());
    received_.consume(data.size());
    deadline(shared_.options.body_timeout_ms);
    if (expects) {
      return invite_body(data.size(), length);
    }
    read_body(data.size(), length);
  }

  void invite_body(std::size_t have, std::size_t length) {
    static constexpr std::string_view invitation = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(invitation.data(), invitation.size()),
                     [self = self(), have, length](ErrorOf problem, std::size_t) {
                       if (problem) {
                         return self->count_loss(problem);
                       }
                       self->read_body(have, length);
                     });
  }

  /// Straight to where the handler reads it: no copy, and reads as large as what the system has.
  void read_body(std::size_t have, std::size_t length) {
    read_some({body_.data() + have, length - have}, [have, length](Connection& connection, std::size_t count) {
      if (have + count < length) {
        return connection.read_body(have + count, length);
      }
      connection.serve({connection.body_.data(), length});
    });
  }

  void serve(std::string_view body) {
    ++shared_.counters.requests;
    const auto target = parser_->get().target();
    if (!shared_.options.waits || !shared_.options.waits({target.data(), target.size()})) {
      return answer(body, handle(body));
    }
    // Nothing else happens on this connection meanwhile: no read is open, and its timers leave the body alone.
    net::post(*shared_.waiting, [self = self(), body] {
      auto reply = std::make_shared<HttpReply>(self->handle(body));
      net::post(self->stream_.get_executor(), [self, body, reply] { self->answer(body, std::move(*reply)); });
    });
  }

  HttpReply handle(std::string_view body) {
    const auto& request = parser_->get();
    const auto text = [](beast::string_view view) { return std::string_view(view.data(), view.size()); };
    try {
      return shared_.handler({.method = text(request.method_string()),
                              .target = text(request.target()),
                              .body = body,
                              .client_name = client_name_});
    } catch (...) {
      ++shared_.counters.handler_errors;
      return {.status = 500, .content_type = {}, .body = {}};
    }
  }

  void answer(std::string_view body, HttpReply reply) {
    const auto& request = parser_->get();
    if (!body.empty() && body.data() == received_.data().data()) {
      received_.consume(body.size());
    }
    const bool head_only = request.method() == http::verb::head;
    write(std::move(reply), head_only, !parser_->keep_alive() || request.version() == 10 || shared_.draining);
  }

  /// An answer without the handler. What follows in the stream cannot be trusted, so it ends.
  void refuse(int status) {
    ++shared_.counters.bad_requests;
    write({.status = status, .content_type = {}, .body = {}}, false, true);
  }

  void write(HttpReply reply, bool head_only, bool close) {
    head_ = reply_head(reply.status, reply.content_type, reply.body.size(), close);
    reply_body_ = head_only ? std::string() : std::move(reply.body);
    if (reply_body_.size() <= small_body_bytes) {
      head_ += reply_body_;
      reply_body_.clear();
    }
    deadline(shared_.options.body_timeout_ms);
    const std::array<net::const_buffer, 2> pieces{net::buffer(head_), net::buffer(reply_body_)};
    net::async_write(stream_, pieces, [self = self(), close](ErrorOf problem, std::size_t) {
      self->reply_body_ = {};
      if (problem) {
        return self->count_loss(problem);
      }
      if (close) {
        return self->finish();
      }
      self->next_request();
    });
  }

  void finish() {
    body_.release();
    tcp_layer().expires_after(linger_time);
    if constexpr (is_tls) {
      stream_.async_shutdown([self = self()](ErrorOf) { self->linger(); });
    } else {
      linger();
    }
  }

  void linger() {
    ErrorOf ignored;
    tcp_layer().socket().shutdown(tcp::socket::shutdown_send, ignored);
    tcp_layer().expires_after(linger_time);
    discard();
  }

  void discard() {
    tcp_layer().async_read_some(net::buffer(discarded_), [self = self()](ErrorOf problem, std::size_t) {
      if (!problem) {
        self->discard();
      }
    });
  }

  Shared& shared_;
  const Seat seat_;
  Stream stream_;
  net::steady_timer shrink_timer_;
  ReceiveBuffer received_;
  BodyBuffer body_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  bool in_header_ = false;  ///< bytes of the current request have come
  std::string client_name_;
  std::string head_, reply_body_;
  std::array<char, 4096> discarded_;
};

}  // namespace gpusched::extender::beast_server
