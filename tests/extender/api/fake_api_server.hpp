#pragma once

#include <atomic>
#include <charconv>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpusched/base/check.hpp"
#include "gpusched/extender/api_access.hpp"

namespace gpusched::test {

struct FakeRequest {
  std::string method, target, head, body;

  bool has(std::string_view text) const { return target.find(text) != std::string::npos; }
  /// The value of a header, "" without it. Names as libcurl writes them.
  std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    const std::size_t begin = at + name.size() + 4;
    return at == std::string::npos ? "" : head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// What a script says to one request. Nothing said: the connection is closed.
class FakeReply {
 public:
  FakeReply(int socket, const std::atomic<bool>& stop) : socket_(socket), stop_(stop) {}

  void raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void whole(int status, const std::string& body, const std::string& headers = "") {
    raw(status_line(status) + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    keep_ = true;
  }
  void begin_chunks(int status = 200) { raw(status_line(status) + "Transfer-Encoding: chunked\r\n\r\n"); }
  void chunk(std::string_view text) {
    char size[20];
    const auto end = std::to_chars(size, size + sizeof size, text.size(), 16).ptr;
    raw(std::string(size, end) + "\r\n" + std::string(text) + "\r\n");
  }
  void end_chunks() {
    raw("0\r\n\r\n");
    keep_ = true;
  }
  /// A body without a length, which ends with the connection.
  void begin_endless() { raw(status_line(200) + "Connection: close\r\n\r\n"); }
  /// Says no more until the client hangs up; false: the server ends before.
  bool wait_for_hang_up() {
    while (!stop_) {
      pollfd what{.fd = socket_, .events = POLLIN, .revents = 0};
      char byte = 0;
      if (poll(&what, 1, 20) > 0 && recv(socket_, &byte, 1, MSG_PEEK) <= 0) {
        return true;
      }
    }
    return false;
  }
  bool keeps() const { return keep_; }
  bool stopping() const { return stop_; }

 private:
  static std::string status_line(int status) {
    return "HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Type: application/json\r\n";
  }

  int socket_;
  const std::atomic<bool>& stop_;
  bool keep_ = false;
};

/// An API server of scripted replies on loopback: one thread per connection, and the script called from each.
class FakeApiServer {
 public:
  using Script = std::function<void(const FakeRequest&, FakeReply&)>;

  explicit FakeApiServer(Script script) : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    GPUSCHED_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener_, 64) == 0 &&
                       getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
                   "no socket");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FakeApiServer() { stop(); }
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  void stop() {
    if (stop_.exchange(true)) {
      return;
    }
    acceptor_.join();
    for (std::thread& connection : connections_) {
      connection.join();
    }
    close(listener_);
  }

  extender::ApiAccess access() const {
    extender::ApiAccess access;
    access.server_url = "http://127.0.0.1:" + std::to_string(port_);
    return access;
  }
  int connections() const { return accepted_; }
  /// All requests so far, in the order in which they came.
  std::vector<FakeRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (!stop_) {
      pollfd what{.fd = listener_, .events = POLLIN, .revents = 0};
      if (poll(&what, 1, 20) <= 0) {
        continue;
      }
      const int client = accept(listener_, nullptr, nullptr);
      if (client >= 0) {
        const int yes = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        ++accepted_;
        connections_.emplace_back([this, client] { serve(client); });
      }
    }
  }

  /// Reads until `text` holds `size` bytes, or with size 0 a blank line; false: the client left.
  bool read_more(int client, std::string& text, std::size_t size) {
    while (size == 0 ? text.find("\r\n\r\n") == std::string::npos : text.size() < size) {
      pollfd what{.fd = client, .events = POLLIN, .revents = 0};
      if (stop_) {
        return false;
      }
      if (poll(&what, 1, 20) <= 0) {
        continue;
      }
      char bytes[4096];
      const ssize_t count = recv(client, bytes, sizeof bytes, 0);
      if (count <= 0) {
        return false;
      }
      text.append(bytes, static_cast<std::size_t>(count));
    }
    return true;
  }

  void serve(int client) {
    std::string text;
    bool keep = true;
    while (keep && read_more(client, text, 0)) {
      FakeRequest request;
      const std::size_t head_end = text.find("\r\n\r\n") + 4;
      request.head = text.substr(0, head_end);
      const std::size_t space = text.find(' ');
      request.method = text.substr(0, space);
      request.target = text.substr(space + 1, text.find(' ', space + 1) - space - 1);
      const std::string length = request.header("Content-Length");
      const std::size_t size = length.empty() ? 0 : std::stoul(length);
      if (size > 0 && !read_more(client, text, head_end + size)) {
        break;
      }
      request.body = text.substr(head_end, size);
      text.erase(0, head_end + size);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      FakeReply reply(client, stop_);
      script_(request, reply);
      keep = reply.keeps();
    }
    close(client);
  }

  Script script_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> accepted_{0};
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

/// Whether `condition` comes true in time.
template <typename Condition>
bool eventually(Condition condition, int timeout_ms = 10'000) {
  for (int waited_ms = 0; waited_ms < timeout_ms; waited_ms += 5) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace gpusched::test
