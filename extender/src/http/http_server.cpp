#include "gpusched/extender/http_server.hpp"

#include <exception>
#include <future>
#include <thread>
#include <vector>

#include "http/connection.hpp"

namespace gpusched::extender {

namespace {

using namespace beast_server;

constexpr int max_lingering_refusals = 256;

/// A client above the cap: told so, and read until it leaves, for a short while.
class Refusal : public std::enable_shared_from_this<Refusal> {
 public:
  Refusal(tcp::socket socket, int& lingering) : stream_(std::move(socket)), lingering_(lingering) { ++lingering_; }
  ~Refusal() { --lingering_; }

  void linger() {
    stream_.expires_after(linger_time);
    discard();
  }

 private:
  void discard() {
    stream_.async_read_some(net::buffer(discarded_), [self = shared_from_this()](ErrorOf problem, std::size_t) {
      if (!problem) {
        self->discard();
      }
    });
  }

  beast::tcp_stream stream_;
  int& lingering_;
  std::array<char, 1024> discarded_;
};

/// A failure in one connection ends that connection: its handler is gone with the exception.
void run(net::io_context& work) {
  while (true) {
    try {
      work.run();
      return;
    } catch (const std::exception&) {
    }
  }
}

Error bad_option(const std::string& what) {
  return {.code = ErrorCode::invalid_argument, .message = what, .file = {}, .line = 0, .remedy = {}};
}

Status check(const HttpServerOptions& options) {
  if (options.threads < 1 || options.waiting_threads < 1 || options.max_connections < 1) {
    return bad_option("threads, waiting_threads and max_connections must be at least 1");
  }
  if (options.header_timeout_ms < 1 || options.body_timeout_ms < 1 || options.idle_timeout_ms < 1 ||
      options.certificate_poll_ms < 1) {
    return bad_option("timeouts must be at least 1 ms");
  }
  if (options.max_header_bytes < 256 || options.max_header_bytes > 1024 * 1024) {
    return bad_option("max_header_bytes is " + std::to_string(options.max_header_bytes) + ", must be 256 to 1048576");
  }
  return {};
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpHandler handler) {
    shared_.options = std::move(options);
    shared_.waiting = &waiting_;
    shared_.handler = std::move(handler);
  }

  ~Impl() {
    control_.stop();
    workers_.stop();
    waiting_.stop();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  Status start() {
    const HttpServerOptions& options = shared_.options;
    if (options.tls) {
      Result<std::unique_ptr<TlsFiles>> files = TlsFiles::load(*options.tls);
      if (!files) {
        return files.error();
      }
      shared_.tls = std::move(files).value();
      poll_certificates();
    }
    if (const Status listening = listen(); !listening) {
      return listening;
    }
    accept();
    threads_.emplace_back([this] { run(control_); });
    for (int i = 0; i < options.threads; ++i) {
      threads_.emplace_back([this] { run(workers_); });
    }
    for (int i = 0; options.waits && i < options.waiting_threads; ++i) {
      threads_.emplace_back([this] { run(waiting_); });
    }
    return {};
  }

  std::uint16_t port() const { return port_; }
  const Counters& counters() const { return shared_.counters; }

  Status reload_certificates() {
    if (shared_.tls == nullptr) {
      return {};
    }
    Status status = shared_.tls->reload();
    count(status);
    return status;
  }

  void drain(int timeout_ms) {
    std::promise<void> closed;
    net::post(control_, [&] {
      close_listener();
      closed.set_value();
    });
    closed.get_future().wait();
    // Only now: a client that is told to close comes back with a new connection at once, and must meet a closed port.
    shared_.draining = true;
    std::unique_lock lock(shared_.mutex);
    shared_.none_open.wait_for(lock, milliseconds(timeout_ms), [&] { return shared_.counters.open == 0; });
  }

 private:
  Status listen() {
    const HttpServerOptions& options = shared_.options;
    ErrorOf problem;
    const net::ip::address address = net::ip::make_address(options.address, problem);
    if (problem) {
      return bad_option("'" + options.address + "' is no numeric IPv4 or IPv6 address");
    }
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), problem);
    if (!problem) {
      acceptor_.set_option(tcp::acceptor::reuse_address(true), problem);
    }
    if (!problem) {
      acceptor_.bind(endpoint, problem);
    }
    if (!problem) {
      acceptor_.listen(net::socket_base::max_listen_connections, problem);
    }
    if (problem) {
      return Error{.code = ErrorCode::io,
                   .message = "cannot listen on " + options.address + ":" + std::to_string(options.port) + ": " +
                              problem.message(),
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
    port_ = acceptor_.local_endpoint().port();
    return {};
  }

  void accept() {
    acceptor_.async_accept(net::make_strand(workers_), [this](ErrorOf problem, tcp::socket socket) {
      if (!problem) {
        take(std::move(socket));
      }
      if (!acceptor_.is_open()) {
        return;
      }
      if (problem && problem != net::error::connection_aborted) {
        // Out of descriptors or memory: the client stays in the queue, and asking again at once would spin.
        pause_.expires_after(milliseconds(50));
        pause_.async_wait([this](ErrorOf) {
          if (acceptor_.is_open()) {
            accept();
          }
        });
        return;
      }
      accept();
    });
  }

  void take(tcp::socket socket) {
    ++shared_.counters.accepted;
    if (shared_.counters.open >= static_cast<std::uint64_t>(shared_.options.max_connections)) {
      return refuse(std::move(socket));
    }
    ErrorOf ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto executor = socket.get_executor();
    if (shared_.tls == nullptr) {
      auto connection = std::make_shared<Connection<beast::tcp_stream>>(shared_, std::move(socket));
      net::post(executor, [connection] { connection->start(); });
      return;
    }
    const TlsFiles::Context files = shared_.tls->current();
    SSL_CTX_up_ref(files.get());
    net::ssl::context context(files.get());  // takes over one reference; the stream takes its own
    auto connection =
        std::make_shared<Connection<net::ssl::stream<beast::tcp_stream>>>(shared_, std::move(socket), context);
    net::post(executor, [connection] { connection->start(); });
  }

  void refuse(tcp::socket socket) {
    ++shared_.counters.refused;
    if (shared_.tls != nullptr) {
      return;
    }
    static const std::string reply = reply_head(503, {}, 0, true);
    ErrorOf problem;
    const tcp protocol = socket.local_endpoint(problem).protocol();
    socket.non_blocking(true, problem);
    socket.write_some(net::buffer(reply), problem);
    if (!problem) {
      socket.shutdown(tcp::socket::shutdown_send, problem);
    }
    if (!problem && lingering_ < max_lingering_refusals) {
      // Off the workers, which may all be busy with handlers.
      tcp::socket own(control_, protocol, socket.release(problem));
      std::make_shared<Refusal>(std::move(own), lingering_)->linger();
    }
  }

  /// Clients whose connection stands already are served; those to come are refused by the system.
  void close_listener() {
    ErrorOf problem;
    acceptor_.non_blocking(true, problem);
    while (!problem) {
      tcp::socket socket(net::make_strand(workers_));
      acceptor_.accept(socket, problem);
      if (!problem) {
        take(std::move(socket));
      }
    }
    acceptor_.close(problem);
  }

  void poll_certificates() {
    poll_.expires_after(milliseconds(shared_.options.certificate_poll_ms));
    poll_.async_wait([this](ErrorOf problem) {
      if (problem) {
        return;
      }
      if (const std::optional<Status> change = shared_.tls->poll()) {
        count(*change);
        if (shared_.options.on_certificates) {
          shared_.options.on_certificates(*change);
        }
      }
      poll_certificates();
    });
  }

  void count(const Status& reloaded) {
    ++(reloaded ? shared_.counters.certificate_reloads : shared_.counters.certificate_failures);
  }

  // In this order: connections die with the contexts that hold them, and need the rest until then.
  Shared shared_;
  int lingering_ = 0;
  std::uint16_t port_ = 0;
  net::io_context workers_;
  net::io_context waiting_;
  net::io_context control_{1};
  net::executor_work_guard<net::io_context::executor_type> keep_workers_{workers_.get_executor()};
  net::executor_work_guard<net::io_context::executor_type> keep_waiting_{waiting_.get_executor()};
  net::executor_work_guard<net::io_context::executor_type> keep_control_{control_.get_executor()};
  tcp::acceptor acceptor_{control_};
  net::steady_timer pause_{control_};
  net::steady_timer poll_{control_};
  std::vector<std::thread> threads_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, HttpHandler handler) {
  if (const Status checked = check(options); !checked) {
    return checked.error();
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  if (const Status started = impl->start(); !started) {
    return started.error();
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const { return impl_->port(); }
Status HttpServer::reload_certificates() { return impl_->reload_certificates(); }
void HttpServer::drain(int timeout_ms) { impl_->drain(timeout_ms); }

HttpServerCounts HttpServer::counts() const {
  const Counters& from = impl_->counters();
  return {.accepted = from.accepted,
          .refused = from.refused,
          .open = from.open,
          .requests = from.requests,
          .handler_errors = from.handler_errors,
          .bad_requests = from.bad_requests,
          .truncated = from.truncated,
          .timeouts = from.timeouts,
          .tls_failures = from.tls_failures,
          .certificate_reloads = from.certificate_reloads,
          .certificate_failures = from.certificate_failures};
}

}  // namespace gpusched::extender
