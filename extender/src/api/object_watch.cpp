#include "gpusched/extender/object_watch.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "gpusched/extender/api_client.hpp"

#include "api/curl_call.hpp"
#include "api/list_page.hpp"
#include "api/watch_lines.hpp"

namespace gpusched::extender {

namespace {

std::string escaped(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                       byte == '-' || byte == '_' || byte == '.' || byte == '~';
    if (plain) {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

/// client-go's: doubles up to a cap, jitter of as much again, starts anew after a while without trouble.
class Backoff {
 public:
  explicit Backoff(const WatchOptions& options) : options_(options) {}
  double next_s() {
    const double now = monotonic_s();
    if (last_s_ == 0 || now - at_s_ > options_.backoff_reset_s) {
      last_s_ = options_.backoff_s;
    } else {
      last_s_ = std::min(last_s_ * options_.backoff_factor, options_.backoff_cap_s);
    }
    at_s_ = now;
    return last_s_ * (1 + std::uniform_real_distribution<double>(0, 1)(random_));
  }

 private:
  const WatchOptions& options_;
  double last_s_ = 0, at_s_ = 0;
  std::mt19937_64 random_{std::random_device()()};
};

}  // namespace

/// The thread of a watch.
class ObjectWatch::Loop {
 public:
  Loop(ApiAccess access, WatchOptions options, WatchSink& sink)
      : access_(std::move(access)), options_(std::move(options)), sink_(sink), tokens_(access_), backoff_(options_) {}
  ~Loop() { stop(); }

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  WatchStatus status() const {
    const double heard = heard_s_.load();
    return {.synced = synced_.load(),
            .age_ms = heard == 0 ? 0 : static_cast<std::int64_t>((monotonic_s() - heard) * 1000),
            .relists = relists_.load(),
            .rewatches = rewatches_.load(),
            .events = events_.load(),
            .troubles = troubles_.load()};
  }

 private:
  /// How a watch ended.
  enum class End { again, wait, relist };

  void run() {
    while (!stop_) {
      connection_.emplace(access_);
      if (!list()) {
        pause(backoff_.next_s());
        continue;
      }
      End end = End::again;
      while (!stop_ && end != End::relist) {
        end = watch();
        if (end == End::wait) {
          pause(std::max(backoff_.next_s(), static_cast<double>(retry_after_s_)));
          connection_.emplace(access_);  // a certificate may have been swapped
        }
      }
    }
  }

  void pause(double seconds) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return stop_.load(); });
  }

  void trouble(const std::string& message) {
    ++troubles_;
    if (!stop_) {
      sink_.trouble(options_.path + ": " + message);
    }
  }

  std::string base_url() const {
    std::string url = access_.server_url + options_.path + "?";
    if (!options_.field_selector.empty()) {
      url += "fieldSelector=" + escaped(options_.field_selector) + "&";
    }
    return url;
  }

  /// One page of a list; false: it could not be had, `expired_` says whether its version is forgotten.
  bool read_page(const std::string& url, ListPage& page) {
    std::string body;
    CurlExchange exchange{.method = "GET",
                          .url = url,
                          .body = {},
                          .content_type = {},
                          .token = tokens_.token(),
                          .timeout_ms = 120'000,
                          .take = {},
                          .stop = &stop_};
    constexpr std::size_t most_bytes = std::size_t{1} << 30;
    exchange.take = [&](int, std::string_view bytes) {
      body += bytes;
      return body.size() <= most_bytes;
    };
    const Result<CurlReply> reply = connection_->exchange(exchange);
    if (!reply) {
      trouble(reply.error().message);
      return false;
    }
    const int status = reply.value().status;
    if (status == 401) {
      tokens_.forget();
    }
    expired_ = status == 410;
    if (status != 200) {
      trouble("list answered " + std::to_string(status) + ": " + status_message(body));
      return false;
    }
    heard_s_ = monotonic_s();
    const Status read =
        read_list_page(std::move(body), page, [this](std::string_view json) { sink_.list_object(json); });
    if (!read) {
      trouble(read.error().message);
    }
    return read.ok();
  }

  /// A full list. A version never goes back: what we have seen, the server must know.
  bool list() {
    sink_.list_begins();
    ListPage page;
    bool whole = false;
    const std::string newest = version_.empty() || expired_
                                   ? std::string()
                                   : "resourceVersion=" + version_ + "&resourceVersionMatch=NotOlderThan&";
    std::string url = base_url() + newest + "limit=" + std::to_string(options_.page_limit);
    for (;;) {
      const bool in_pages = !page.next.empty();
      page.next.clear();
      if (!read_page(url, page)) {
        if (!in_pages || !expired_ || whole) {
          sink_.list_fails();
          return false;
        }
        // The continuation is forgotten: all of it in one.
        whole = true;
        page = {};
        sink_.list_fails();
        sink_.list_begins();
        url = base_url();
        continue;
      }
      if (page.next.empty()) {
        break;
      }
      url = base_url() + "limit=" + std::to_string(options_.page_limit) + "&continue=" + escaped(page.next);
    }
    expired_ = false;
    version_ = page.resource_version;
    sink_.list_ends();
    ++relists_;
    synced_ = true;
    return true;
  }

  End watch() {
    const int seconds = std::uniform_int_distribution<int>(options_.min_watch_s, options_.max_watch_s)(random_);
    const std::string url = base_url() + "watch=1&allowWatchBookmarks=true&resourceVersion=" + escaped(version_) +
                            "&timeoutSeconds=" + std::to_string(seconds);
    WatchLines lines(options_.max_line_bytes);
    std::string refusal;
    std::optional<End> end;
    bool any = false;
    CurlExchange exchange{.method = "GET",
                          .url = url,
                          .body = {},
                          .content_type = {},
                          .token = tokens_.token(),
                          .timeout_ms = (seconds + 30) * 1000,  // the server should have ended it long before
                          .take = {},
                          .stop = &stop_};
    exchange.take = [&](int status, std::string_view bytes) {
      heard_s_ = monotonic_s();
      if (status != 200) {
        refusal += bytes.substr(0, 1000);
        return refusal.size() < 4000;
      }
      const bool fits = lines.feed(bytes, [&](std::string_view line) {
        any = true;
        if (!end) {
          end = take_line(line);
        }
      });
      if (!fits) {
        trouble("a watch event is longer than " + std::to_string(options_.max_line_bytes) + " bytes");
        end = End::relist;
      }
      return !end.has_value();
    };
    const double start = monotonic_s();
    const Result<CurlReply> reply = connection_->exchange(exchange);
    ++rewatches_;
    retry_after_s_ = 0;
    if (end) {
      return *end;
    }
    if (!reply) {
      trouble(reply.error().message);
      return End::wait;
    }
    retry_after_s_ = reply.value().retry_after_s;
    const int status = reply.value().status;
    if (status == 200) {
      const bool very_short = !any && monotonic_s() - start < 1;
      return very_short ? End::wait : End::again;
    }
    if (status == 401) {
      tokens_.forget();
    }
    trouble("watch answered " + std::to_string(status) + ": " + status_message(refusal));
    expired_ = status == 410;
    return expired_ ? End::relist : End::wait;
  }

  /// nullopt: go on.
  std::optional<End> take_line(std::string_view line) {
    const Result<WatchLine> event = read_watch_line(line);
    if (!event) {
      trouble(event.error().message);
      return End::relist;
    }
    const WatchLine& what = event.value();
    if (what.type == "ERROR") {
      trouble("watch ended with " + std::to_string(what.status_code) + ": " + what.message);
      expired_ = what.status_code == 410;
      return what.status_code == 429 || what.status_code >= 500 ? End::wait : End::relist;
    }
    if (!what.resource_version.empty()) {
      version_ = what.resource_version;
    }
    if (what.type != "BOOKMARK") {
      ++events_;
      sink_.object(what.type, what.object);
    }
    return std::nullopt;
  }

  ApiAccess access_;
  WatchOptions options_;
  WatchSink& sink_;
  TokenSource tokens_;
  Backoff backoff_;
  std::mt19937_64 random_{std::random_device()()};
  std::optional<CurlConnection> connection_;
  std::string version_;
  bool expired_ = false;
  int retry_after_s_ = 0;
  std::atomic<bool> stop_{false}, synced_{false};
  std::atomic<double> heard_s_{0};
  std::atomic<std::int64_t> relists_{0}, rewatches_{0}, events_{0}, troubles_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

ObjectWatch::ObjectWatch(ApiAccess access, WatchOptions options, WatchSink& sink)
    : loop_(std::make_unique<Loop>(std::move(access), std::move(options), sink)) {}
ObjectWatch::~ObjectWatch() = default;
void ObjectWatch::start() { loop_->start(); }
void ObjectWatch::stop() { loop_->stop(); }
WatchStatus ObjectWatch::status() const { return loop_->status(); }

}  // namespace gpusched::extender
