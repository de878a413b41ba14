#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "gpusched/extender/api_client.hpp"

namespace gpusched::extender {

/// Something to say about a pod where `kubectl describe` shows it.
struct PodEvent {
  std::string ns, pod, uid;
  bool is_warning = false;
  std::string reason;  ///< CamelCase, constant
  std::string action;  ///< CamelCase, constant
  std::string note;    ///< at most 1,024 bytes are kept
};

struct EventRecorderOptions {
  std::size_t queue_length = 10'000;
  double per_second = 5, burst = 25;  ///< writes: what is said must not slow down what is done
  int series_update_ms = 60'000;      ///< how often the count of a series is written
  int series_end_ms = 360'000;        ///< the same after so long is a new event
  int retry_ms = 1000;                ///< after an error of the server; three tries
};

/// Writes Events of events.k8s.io/v1 in the background: never blocks the caller, drops what is too much, says the same
/// about the same pod again as a series. Own thread.
class EventRecorder {
 public:
  /// `client` outlives the recorder.
  EventRecorder(ApiClient& client, std::string reporting_instance, EventRecorderOptions options = {});
  ~EventRecorder();  ///< drops what is still queued; waits for a call that runs
  void record(PodEvent event);
  std::int64_t dropped() const;  ///< events that were said and not written
  std::int64_t written() const;  ///< calls that worked

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace gpusched::extender
