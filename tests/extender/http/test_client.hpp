#pragma once

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gpusched::test {

struct ClientReply {
  int status = 0;  ///< 0: the connection ended, or time ran out, before a whole reply
  std::string head, body;

  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
  bool closes() const { return has("Connection: close"); }
};

/// A client made of socket calls alone, so that it can send what no library would. Plain, or TLS with a given context.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port, SSL_CTX* tls = nullptr) {
    signal(SIGPIPE, SIG_IGN);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (connected_ && tls != nullptr) {
      set_timeout(5'000);
      tls_.reset(SSL_new(tls));
      SSL_set_fd(tls_.get(), fd_);
      connected_ = SSL_connect(tls_.get()) == 1;
    }
  }
  ~TestClient() { close(); }
  TestClient(TestClient&& from) noexcept
      : fd_(std::exchange(from.fd_, -1)),
        connected_(from.connected_),
        tls_(std::move(from.tls_)),
        read_(std::move(from.read_)) {}
  TestClient& operator=(TestClient&&) = delete;

  bool connected() const { return connected_; }
  SSL* tls() { return tls_.get(); }

  void close() {
    tls_.reset();
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

  /// No more from this side; replies can still be read.
  void end_of_sending() { shutdown(fd_, SHUT_WR); }

  /// False when the server has closed.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent =
          tls_ ? SSL_write(tls_.get(), text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 1 << 20)))
               : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next reply. `head_only`: of a HEAD request. Interim replies (100) come as replies.
  ClientReply read(int timeout_ms = 10'000, bool head_only = false) {
    set_timeout(timeout_ms);
    std::size_t head_end = 0;
    while ((head_end = read_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) {
        return {};
      }
    }
    ClientReply reply{.status = 0, .head = read_.substr(0, head_end + 4), .body = {}};
    std::size_t length = 0;
    if (const auto at = reply.head.find("Content-Length: "); at != std::string::npos && !head_only) {
      std::from_chars(reply.head.data() + at + 16, reply.head.data() + reply.head.size(), length);
    }
    while (read_.size() < head_end + 4 + length) {
      if (!receive()) {
        return {};
      }
    }
    reply.body = read_.substr(head_end + 4, length);
    read_.erase(0, head_end + 4 + length);
    std::from_chars(reply.head.data() + 9, reply.head.data() + 12, reply.status);
    return reply;
  }

  ClientReply ask(std::string_view text, int timeout_ms = 10'000) {
    send(text);  // a server may answer and close before it has read all
    return read(timeout_ms);
  }

  /// Whether the server closes within the time without sending anything more.
  bool closed_within(int timeout_ms) {
    set_timeout(timeout_ms);
    const bool more = receive();
    return !more && !timed_out_ && read_.empty();
  }

 private:
  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };

  void set_timeout(int timeout_ms) {
    const timeval time{.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  }

  bool receive() {
    char bytes[65536];
    errno = 0;
    const auto count = tls_ ? SSL_read(tls_.get(), bytes, sizeof bytes) : recv(fd_, bytes, sizeof bytes, 0);
    timed_out_ = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (count > 0) {
      read_.append(bytes, static_cast<std::size_t>(count));
    }
    return count > 0;
  }

  int fd_ = -1;
  bool connected_ = false, timed_out_ = false;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string read_;
};

/// A whole request. Headers end with CRLF each.
inline std::string post(std::string_view target, std::string_view body, std::string_view headers = {}) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

inline std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

/// Waits until `condition` holds; false when it does not within the time.
template <typename Condition>
bool eventually(Condition condition, int timeout_ms = 10'000) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    poll(nullptr, 0, 5);
  }
  return true;
}

}  // namespace gpusched::test
