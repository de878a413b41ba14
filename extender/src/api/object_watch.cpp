#include "gpusched/extender/object_watch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "api/api_status.hpp"
#include "api/backoff.hpp"
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

}  // namespace

/// The thread of a watch.
class ObjectWatch::Loop {
 public:
  Loop(ApiAccess access, WatchOptions options, WatchSink& sink)
      : access_(std::move(access)), options_(std::move(options)), sink_(sink), connection_(access_) {}
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
    connection_.wake();
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
  /// What a server that refuses a page of a list thinks of the version asked for.
  enum class Refusal { none, other, expired, too_new };

  void run() {
    while (!stop_) {
      End end = list() ? End::again : End::relist;
      while (!stop_ && end != End::relist) {
        end = watch();
        if (end == End::wait) {
          pause();
        }
      }
      pause();
    }
  }

  void pause() {
    const double seconds = std::max(backoff_.next_s(), static_cast<double>(retry_after_s_));
    retry_after_s_ = 0;
    fresh_ = true;  // a certificate may have been swapped, and another server may answer
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return stop_.load(); });
  }

  void trouble(const std::string& message) {
    if (!stop_) {
      ++troubles_;
      sink_.trouble(options_.path + ": " + message);
    }
  }

  std::string base_path() const {
    const std::string selector = options_.field_selector;
    return options_.path + "?" + (selector.empty() ? "" : "fieldSelector=" + escaped(selector) + "&");
  }

  CurlExchange exchange(std::string path, int timeout_ms) {
    return {.method = "GET",
            .path = std::move(path),
            .body = {},
            .content_type = {},
            .token = tokens_.token(),
            .timeout_ms = timeout_ms,
            .fresh = std::exchange(fresh_, false),
            .take = {},
            .stop = &stop_};
  }

  /// A reply that is no list and no watch.
  ApiStatus refused(const char* what, const CurlReply& reply, std::string_view body) {
    ApiStatus status = read_status(body);
    status.code = reply.status;
    retry_after_s_ = std::max(reply.retry_after_s, status.retry_after_s);
    if (reply.status == 401) {
      tokens_.forget();
    }
    trouble(std::string(what) + " answered " + std::to_string(reply.status) + ": " + status.message);
    return status;
  }

  Refusal read_page(const std::string& path, ListPage& page) {
    constexpr std::size_t most_bytes = std::size_t{1} << 30;
    std::string body;
    CurlExchange get = exchange(path, list_timeout_ms);
    get.take = [&](int, std::string_view bytes) {
      body += bytes;
      return body.size() <= most_bytes;
    };
    const Result<CurlReply> reply = connection_.exchange(get);
    if (!reply || (reply.value().status == 200 && !reply.value().cut.empty())) {
      trouble(reply ? "list broke off: " + reply.value().cut : reply.error().message);
      return Refusal::other;
    }
    if (reply.value().status != 200) {
      const ApiStatus status = refused("list", reply.value(), body);
      return status.code == 410 ? Refusal::expired : status.version_too_large ? Refusal::too_new : Refusal::other;
    }
    heard_s_ = monotonic_s();
    const Status read = read_list_page(std::move(body), page, [this](std::string_view json) {
      if (!stop_) {
        sink_.list_object(json);
      }
    });
    if (!read) {
      trouble(read.error().message);
      return Refusal::other;
    }
    return Refusal::none;
  }

  /// A full list of what is at least as new as what we have seen. After the server has forgotten that, or says that it
  /// never had it (a store restored from a backup), whatever it has now by its own quorum is taken.
  bool list() {
    sink_.list_begins();
    const std::string floor = std::exchange(any_version_, false) ? std::string() : version_;
    const std::string limit = "limit=" + std::to_string(options_.page_limit);
    std::string path = base_path() + limit;
    if (!floor.empty()) {
      path += "&resourceVersion=" + escaped(floor) + "&resourceVersionMatch=NotOlderThan";
    }
    ListPage page;
    do {
      const bool continues = !page.next.empty();
      page = {};
      Refusal refusal = read_page(path, page);
      if (refusal == Refusal::expired && continues && !stop_) {
        // The continuation is forgotten: all of it in one.
        sink_.list_fails();
        sink_.list_begins();
        refusal = read_page(base_path(), page);
      }
      if (refusal == Refusal::none && is_older_version(page.resource_version, floor)) {
        trouble("list is of version " + page.resource_version + ", older than " + floor);
        refusal = Refusal::other;
      }
      if (refusal != Refusal::none || stop_) {
        any_version_ = refusal == Refusal::expired || refusal == Refusal::too_new;
        sink_.list_fails();
        return false;
      }
      path = base_path() + limit + "&continue=" + escaped(page.next);
    } while (!page.next.empty());
    version_ = page.resource_version;
    sink_.list_ends();
    ++relists_;
    synced_ = true;
    failing_since_s_ = 0;
    return true;
  }

  End watch() {
    const int seconds = std::uniform_int_distribution<int>(options_.min_watch_s, options_.max_watch_s)(random_);
    WatchLines lines(options_.max_line_bytes);
    std::string refusal;
    std::optional<End> end;
    bool any = false;
    // The server should have ended it long before the timer does.
    CurlExchange get = exchange(base_path() + "watch=1&allowWatchBookmarks=true&resourceVersion=" + escaped(version_) +
                                    "&timeoutSeconds=" + std::to_string(seconds),
                                (seconds + watch_grace_s) * 1000);
    get.take = [&](int status, std::string_view bytes) {
      constexpr std::size_t most_refusal_bytes = 64 * 1024;
      if (status != 200) {
        refusal += bytes;
        return refusal.size() < most_refusal_bytes;
      }
      heard_s_ = monotonic_s();
      const bool fits = lines.feed(bytes, [&](std::string_view line) {
        any = true;
        if (!end && !stop_) {
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
    const Result<CurlReply> reply = connection_.exchange(get);
    ++rewatches_;
    if (end || stop_) {
      return end.value_or(End::again);
    }
    if (!reply) {
      trouble(reply.error().message);
      return End::wait;
    }
    if (reply.value().status != 200) {
      return after_error(refused("watch", reply.value(), refusal), /*in_stream=*/false);
    }
    if (!reply.value().cut.empty()) {
      trouble("watch broke off: " + reply.value().cut);
    }
    const bool very_short = !any && monotonic_s() - start < 1;
    return very_short ? End::wait : End::again;
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
      const ApiStatus status = read_status(what.object);
      trouble("watch ended with " + std::to_string(status.code) + ": " + status.message);
      retry_after_s_ = status.retry_after_s;
      return after_error(status, /*in_stream=*/true);
    }
    failing_since_s_ = 0;
    if (!what.resource_version.empty() && !is_older_version(what.resource_version, version_)) {
      version_ = what.resource_version;
    }
    if (what.type != "BOOKMARK") {
      ++events_;
      sink_.object(what.type, what.object);
    }
    return std::nullopt;
  }

  /// A server that is overloaded or starting is asked again for the same version: lists would make it worse.
  End after_error(const ApiStatus& status, bool in_stream) {
    if (status.code >= 500) {
      const double now = monotonic_s();
      failing_since_s_ = failing_since_s_ == 0 ? now : failing_since_s_;
      return now - failing_since_s_ > options_.server_error_s ? End::relist : End::wait;
    }
    const bool says_who = status.code == 401 || status.code == 403;
    return status.code == 429 || (says_who && !in_stream) ? End::wait : End::relist;
  }

  static constexpr int list_timeout_ms = 120'000;
  static constexpr int watch_grace_s = 30;

  const ApiAccess access_;
  const WatchOptions options_;
  WatchSink& sink_;
  CurlConnection connection_;
  TokenSource tokens_{access_};
  Backoff backoff_{options_};
  std::mt19937_64 random_{std::random_device()()};
  std::string version_;         // the newest seen
  bool any_version_ = false;    // the next list may be older
  bool fresh_ = false;          // the next exchange is on a new connection
  int retry_after_s_ = 0;       // the server's wish for the next pause
  double failing_since_s_ = 0;  // errors of the server, one after the other; 0: none
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
