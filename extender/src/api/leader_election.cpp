#include "gpusched/extender/leader_election.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <random>
#include <thread>

#include <nlohmann/json.hpp>

#include "gpusched/base/check.hpp"

#include "api/micro_time.hpp"

namespace gpusched::extender {

namespace {

using nlohmann::json;

/// Seconds on a clock that never goes back and runs on while the machine sleeps: others' leases do.
double boot_time_s() {
  std::timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string text_of(const json& map, const char* key) {
  const auto at = map.find(key);
  return at != map.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::int64_t number_of(const json& map, const char* key) {
  const auto at = map.find(key);
  return at != map.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

}  // namespace

/// The thread of an election.
class LeaderElection::Loop {
 public:
  Loop(ApiClient& client, LeaderElectionOptions options, std::function<void(const std::string&)> trouble)
      : client_(client), options_(std::move(options)), trouble_(std::move(trouble)) {
    GPUSCHED_CHECK(options_.lease_ms > options_.renew_deadline_ms &&
                       options_.renew_deadline_ms > options_.retry_ms * jitter && options_.retry_ms > 0,
                   "a lease must outlive its renewal, and that several tries");
    GPUSCHED_CHECK(!options_.identity.empty(), "a leader needs a name");
    leases_ = "/apis/coordination.k8s.io/v1/namespaces/" + options_.lease_namespace + "/leases";
  }
  ~Loop() { stop(); }

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      leader_until_s_ = 0;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  bool is_leader() const { return boot_time_s() < leader_until_s_.load(); }
  std::string leader() const {
    const std::lock_guard lock(mutex_);
    return holder_;
  }

 private:
  static constexpr double jitter = 1.2;  // client-go's

  void run() {
    std::mt19937_64 random{std::random_device()()};
    for (;;) {
      const bool held = acquire_or_renew();
      // Leaders renew evenly; the others must not all come at once.
      const double spread = held ? 1 : 1 + jitter * std::uniform_real_distribution<double>(0, 1)(random);
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::duration<double, std::milli>(options_.retry_ms * spread),
                     [this] { return stop_.load(); });
      if (stop_) {
        break;
      }
    }
    release();
  }

  bool acquire_or_renew() {
    // Ours, as we know it: one call. Where that fails somebody put a label on it, took or deleted it, or our own last
    // write came through after all: the read tells.
    if (lease_.is_object() && holder_is_us() && write_lease(options_.identity, options_.lease_ms) == 200) {
      return true;
    }
    if (!read_lease()) {
      return false;
    }
    if (!lease_.is_object()) {
      return create_lease();
    }
    if (!holder_is_us()) {
      set_leader_until(0);
      const std::int64_t record_s = number_of(lease_["spec"], "leaseDurationSeconds");
      const double duration_s = record_s > 0 ? static_cast<double>(record_s) : options_.lease_ms / 1000.0;
      if (!holder().empty() && boot_time_s() < observed_s_ + duration_s) {
        return false;
      }
    }
    const int status = write_lease(options_.identity, options_.lease_ms);
    if (status == 409) {
      lease_ = nullptr;
    }
    return status == 200;
  }

  std::string holder() const { return text_of(lease_["spec"], "holderIdentity"); }
  bool holder_is_us() const { return holder() == options_.identity; }

  /// False: it could not be read. A lease that is not there is null.
  bool read_lease() {
    const Result<ApiReply> reply = client_.request("GET", leases_ + "/" + options_.lease_name);
    if (reply && reply.value().status == 404) {
      lease_ = nullptr;
      observed_spec_.clear();
      return true;
    }
    return succeeded("reading", reply) && take_lease(reply.value().body);
  }

  bool create_lease() {
    lease_ = {{"apiVersion", "coordination.k8s.io/v1"},
              {"kind", "Lease"},
              {"metadata", {{"name", options_.lease_name}, {"namespace", options_.lease_namespace}}},
              {"spec", json::object()}};
    const std::string now = micro_time(std::chrono::system_clock::now());
    lease_["spec"] = {{"holderIdentity", options_.identity},
                      {"leaseDurationSeconds", (options_.lease_ms + 999) / 1000},
                      {"acquireTime", now},
                      {"renewTime", now},
                      {"leaseTransitions", 0}};
    const bool created = send("POST", leases_, lease_) == 201;
    if (!created) {
      lease_ = nullptr;
    }
    return created;
  }

  /// Writes the lease we have read, only if nobody did since. The HTTP status, 200 if it is ours now; 0: no answer.
  int write_lease(const std::string& identity, int duration_ms) {
    json next = lease_;  // what others put into it stays
    json& spec = next["spec"];
    const std::string now = micro_time(std::chrono::system_clock::now());
    if (text_of(spec, "holderIdentity") != identity) {
      spec["acquireTime"] = now;
      spec["leaseTransitions"] = number_of(spec, "leaseTransitions") + (identity.empty() ? 0 : 1);
    }
    spec["holderIdentity"] = identity;
    spec["leaseDurationSeconds"] = (duration_ms + 999) / 1000;
    spec["renewTime"] = now;
    return send("PUT", leases_ + "/" + options_.lease_name, next);
  }

  int send(const char* method, const std::string& path, const json& lease) {
    const double sent_s = boot_time_s();
    const Result<ApiReply> reply =
        client_.request(method, path, lease.dump(-1, ' ', false, json::error_handler_t::replace));
    const int status = reply ? reply.value().status : 0;
    if (status == 409 || !succeeded("writing", reply)) {
      return status;  // somebody else was first, which is no trouble; or it may have been written: the next look tells
    }
    if (!take_lease(reply.value().body)) {
      return 0;
    }
    // Others count from when they see this write, which is later than now: they wait longer than we act.
    if (holder_is_us()) {
      set_leader_until(sent_s + options_.renew_deadline_ms / 1000.0);
    }
    return status;
  }

  bool take_lease(const std::string& body) {
    json lease = json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (!lease.is_object() || !lease.contains("metadata") || text_of(lease["metadata"], "resourceVersion").empty()) {
      lease_ = nullptr;
      say("the API server answered something else than a Lease");
      return false;
    }
    if (!lease.contains("spec") || !lease["spec"].is_object()) {
      lease["spec"] = json::object();  // made by hand: free
    }
    lease_ = std::move(lease);
    std::string spec = lease_["spec"].dump(-1, ' ', false, json::error_handler_t::replace);
    if (spec != observed_spec_) {
      observed_spec_ = std::move(spec);
      observed_s_ = boot_time_s();
    }
    const std::lock_guard lock(mutex_);
    holder_ = holder();
    return true;
  }

  void set_leader_until(double time_s) {
    const std::lock_guard lock(mutex_);
    leader_until_s_ = stop_ ? 0 : time_s;
  }

  void release() {
    if (!lease_.is_object() || !holder_is_us()) {
      return;
    }
    write_lease("", 1000);
  }

  bool succeeded(const char* what, const Result<ApiReply>& reply) {
    const bool good = reply && (reply.value().status == 200 || reply.value().status == 201);
    if (!good) {
      say(std::string(what) + " it: " +
          (reply ? "the API server answered " + std::to_string(reply.value().status) + ": " +
                       status_message(reply.value().body)
                 : reply.error().message));
    } else {
      said_.clear();
    }
    return good;
  }

  /// The same trouble is told once, not every two seconds.
  void say(const std::string& message) {
    if (message != said_ && trouble_) {
      said_ = message;
      trouble_("lease " + options_.lease_namespace + "/" + options_.lease_name + ": " + message);
    }
  }

  ApiClient& client_;
  LeaderElectionOptions options_;
  std::function<void(const std::string&)> trouble_;
  std::string leases_;
  json lease_;                 // as last read or written; null: not known
  std::string observed_spec_;  // and since when we know it so
  double observed_s_ = 0;
  std::string said_;
  std::atomic<double> leader_until_s_{0};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::string holder_;
  std::condition_variable wake_;
  std::thread thread_;
};

LeaderElection::LeaderElection(ApiClient& client, LeaderElectionOptions options,
                               std::function<void(const std::string&)> trouble)
    : loop_(std::make_unique<Loop>(client, std::move(options), std::move(trouble))) {}
LeaderElection::~LeaderElection() = default;
void LeaderElection::start() { loop_->start(); }
void LeaderElection::stop() { loop_->stop(); }
bool LeaderElection::is_leader() const { return loop_->is_leader(); }
std::string LeaderElection::leader() const { return loop_->leader(); }

}  // namespace gpusched::extender
