#include "gpusched/extender/event_recorder.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "api/curl_call.hpp"
#include "api/micro_time.hpp"

namespace gpusched::extender {

namespace {

using nlohmann::json;
using Clock = std::chrono::system_clock;

// Limits of the API.
constexpr std::size_t most_note_bytes = 1024;
constexpr std::size_t most_word_bytes = 128;
constexpr std::size_t most_name_bytes = 253;
constexpr std::size_t most_series = 10'000;
constexpr int most_tries = 3;

/// Cuts between characters.
void shorten(std::string& text, std::size_t most) {
  if (text.size() <= most) {
    return;
  }
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) {
    --most;
  }
  text.resize(most);
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

/// An event's name: the pod's, as far as there is room, and the time.
std::string event_name(const std::string& pod, Clock::time_point time) {
  char suffix[24];
  std::snprintf(suffix, sizeof suffix, ".%llx",
                static_cast<unsigned long long>(
                    std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count()));
  std::string name = pod.substr(0, most_name_bytes - sizeof suffix);
  while (!name.empty() && (name.back() == '.' || name.back() == '-')) {
    name.pop_back();
  }
  return name + suffix;
}

}  // namespace

/// The thread of a recorder.
class EventRecorder::Loop {
 public:
  Loop(ApiClient& client, std::string instance, EventRecorderOptions options)
      : client_(client), instance_(std::move(instance)), options_(options), budget_(options.burst) {
    shorten(instance_, most_word_bytes);
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void record(PodEvent event) {
    {
      const std::lock_guard lock(mutex_);
      if (queue_.size() >= options_.queue_length) {
        ++dropped_;
        return;
      }
      queue_.push_back({std::move(event), Clock::now()});
    }
    wake_.notify_all();
  }
  std::int64_t dropped() const { return dropped_.load(); }
  std::int64_t written() const { return written_.load(); }

 private:
  struct Said {
    PodEvent event;
    Clock::time_point at;
  };
  /// What was said about a pod, and how often.
  struct Series {
    PodEvent event;
    std::string name;
    std::int64_t count = 0, count_written = 0;
    Clock::time_point last;
    double last_s = 0, written_s = 0;  // monotonic
  };
  enum class Outcome { done, gone, lost };

  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      const double wait_s = std::max(next_update_s_ - monotonic_s(), 0.0);
      wake_.wait_for(lock, std::chrono::duration<double>(wait_s), [this] { return stop_ || !queue_.empty(); });
      std::deque<Said> queue = std::exchange(queue_, {});
      lock.unlock();
      while (!queue.empty() && !stop_) {
        say(std::move(queue.front()));
        queue.pop_front();
      }
      dropped_ += static_cast<std::int64_t>(queue.size());
      if (monotonic_s() >= next_update_s_) {
        update_series();
        next_update_s_ = monotonic_s() + options_.series_update_ms / 1000.0 / 4;
      }
      lock.lock();
    }
    dropped_ += static_cast<std::int64_t>(queue_.size());
  }

  /// False: stopped.
  bool pause(double seconds) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return stop_.load(); });
  }

  /// Waits for the rate.
  bool take_turn() {
    const double now = monotonic_s();
    budget_ = std::min(options_.burst, budget_ + (now - budget_at_s_) * options_.per_second) - 1;
    budget_at_s_ = now;
    return budget_ >= 0 ? !stop_ : pause(-budget_ / options_.per_second);
  }

  void say(Said said) {
    PodEvent& event = said.event;
    shorten(event.note, most_note_bytes);
    shorten(event.reason, most_word_bytes);
    shorten(event.action, most_word_bytes);
    // The note is part of it: an Event's note cannot change.
    const std::string key = event.uid + "\n" + event.reason + "\n" + event.action + "\n" + event.note;
    const double now = monotonic_s();
    const auto found = series_.find(key);
    if (found != series_.end() && now - found->second.last_s <= options_.series_end_ms / 1000.0) {
      Series& series = found->second;
      ++series.count;
      series.last = said.at;
      series.last_s = now;
      const bool is_first_repeat = series.count_written == 1;
      if (is_first_repeat || now - series.written_s >= options_.series_update_ms / 1000.0) {
        write_count(series);
      }
      return;
    }
    if (found != series_.end() && found->second.count > found->second.count_written) {
      write_count(found->second);  // it is over
    }
    Series series{.event = std::move(event), .name = {}, .count = 1, .count_written = 0, .last = said.at};
    series.last_s = now;
    if (create(series) && (found != series_.end() || series_.size() < most_series)) {
      series_.insert_or_assign(key, std::move(series));
    }
  }

  /// Counts that rose since they were written, and series that are over.
  void update_series() {
    const double now = monotonic_s();
    for (auto at = series_.begin(); at != series_.end() && !stop_;) {
      Series& series = at->second;
      const bool is_over = now - series.last_s > options_.series_end_ms / 1000.0;
      if (series.count > series.count_written &&
          (is_over || now - series.written_s >= options_.series_update_ms / 1000.0)) {
        write_count(series);
      }
      at = is_over ? series_.erase(at) : std::next(at);
    }
  }

  static json series_json(const Series& series) {
    return {{"count", series.count}, {"lastObservedTime", micro_time(series.last)}};
  }

  bool create(Series& series) {
    const PodEvent& event = series.event;
    series.name = event_name(event.pod, series.last);
    json body = {
        {"apiVersion", "events.k8s.io/v1"},
        {"kind", "Event"},
        {"metadata", {{"name", series.name}, {"namespace", event.ns}}},
        {"eventTime", micro_time(series.last)},
        {"reportingController", "gpusched-extender"},
        {"reportingInstance", instance_},
        {"type", event.is_warning ? "Warning" : "Normal"},
        {"reason", event.reason},
        {"action", event.action},
        {"note", event.note},
        {"regarding",
         {{"apiVersion", "v1"}, {"kind", "Pod"}, {"namespace", event.ns}, {"name", event.pod}, {"uid", event.uid}}}};
    if (series.count > 1) {
      body["series"] = series_json(series);
    }
    if (write("POST", path(event.ns), dump(body), "application/json") != Outcome::done) {
      dropped_ += series.count - series.count_written;
      return false;
    }
    series.count_written = series.count;
    series.written_s = monotonic_s();
    return true;
  }

  void write_count(Series& series) {
    const json patch = {{"series", series_json(series)}};
    const Outcome outcome =
        write("PATCH", path(series.event.ns) + "/" + series.name, dump(patch), "application/merge-patch+json");
    if (outcome == Outcome::gone) {  // Events live an hour
      create(series);
    }
    // A count that could not be written is in the next one.
    series.count_written = outcome == Outcome::done ? series.count : series.count_written;
    series.written_s = monotonic_s();
  }

  Outcome write(const char* method, const std::string& path, const std::string& body, const std::string& type) {
    for (int tries = 1; take_turn(); ++tries) {
      const Result<ApiReply> reply = client_.request(method, path, body, type);
      const int status = reply ? reply.value().status : 0;
      if (status >= 200 && status < 300) {
        ++written_;
        return Outcome::done;
      }
      if (status == 409) {
        return Outcome::done;  // a try whose reply was lost
      }
      const bool may_help = status == 0 || status == 429 || status >= 500;
      if (!may_help || tries == most_tries) {
        return status == 404 ? Outcome::gone : Outcome::lost;
      }
      constexpr int longest_wait_s = 60;
      const double asked_s = reply ? std::min(reply.value().retry_after_s, longest_wait_s) : 0;
      if (!pause(std::max(asked_s, options_.retry_ms / 1000.0))) {
        break;
      }
    }
    return Outcome::lost;
  }

  static std::string path(const std::string& ns) { return "/apis/events.k8s.io/v1/namespaces/" + ns + "/events"; }

  ApiClient& client_;
  std::string instance_;
  const EventRecorderOptions options_;
  double budget_;
  double budget_at_s_ = monotonic_s();
  std::map<std::string, Series> series_;
  double next_update_s_ = 0;
  std::atomic<std::int64_t> dropped_{0}, written_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Said> queue_;
  std::thread thread_;
};

EventRecorder::EventRecorder(ApiClient& client, std::string reporting_instance, EventRecorderOptions options)
    : loop_(std::make_unique<Loop>(client, std::move(reporting_instance), options)) {}
EventRecorder::~EventRecorder() = default;
void EventRecorder::record(PodEvent event) { loop_->record(std::move(event)); }
std::int64_t EventRecorder::dropped() const { return loop_->dropped(); }
std::int64_t EventRecorder::written() const { return loop_->written(); }

}  // namespace gpusched::extender
