#pragma once

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

/// Writes Events of events.k8s.io/v1 in the background: never blocks the caller, drops what is too much, says the same
/// about the same pod again as a series. Own thread.
class EventRecorder {
 public:
  EventRecorder(ApiClient& client, std::string reporting_instance);
  ~EventRecorder();
  void record(PodEvent event);
  std::int64_t dropped() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace gpusched::extender
