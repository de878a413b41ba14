#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "gpusched/io/event_log.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Writes the event log of a replay to a file, or to stdout for "-". Pods are named by their job's id; the N-th pod of
/// a job, or of a repeated job, gets "#N" behind it.
class EventLogObserver final : public ReplayObserver {
 public:
  static Result<std::unique_ptr<EventLogObserver>> open(const std::string& path, const Trace& trace,
                                                        const SimulationOptions& options);
  ~EventLogObserver() override;

  void on_event(const Engine& engine, const Event& event) override;
  void on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                   std::span<const Decision> decisions) override;
  void on_arrival(const ArrivalSample&) override {}

  /// Flushes; an error when anything could not be written.
  Status close();

 private:
  EventLogObserver(std::FILE* file, std::string path, std::vector<std::string> pod_names);

  std::FILE* file_;
  std::string path_;
  std::vector<std::string> pod_names_;
  std::string buffer_;
  bool failed_ = false;
  EventLogWriter writer_;
};

}  // namespace gpusched::sim
