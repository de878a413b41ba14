#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/engine/engine.hpp"

namespace gpusched {

/// Name of a pod in the log; the cluster state knows numbers only.
using PodNamer = std::function<std::string(PodId)>;

/// Writes what an engine observed and decided as JSON lines: a header, then request, event and decision lines in order
/// (docs/formats/event-log.md). The bytes depend on the arguments only.
class EventLogWriter {
 public:
  /// `sink` takes each line, newline included.
  EventLogWriter(std::function<void(std::string_view)> sink, PodNamer pod_name);

  void header(const EngineOptions& options);
  void event(const Engine& engine, const Event& event);
  void decision(const Engine& engine, TimeNs now, std::span<const PodId> pods, std::span<const Decision> decisions,
                std::optional<std::span<const NodeId>> scope = std::nullopt);

 private:
  std::function<void(std::string_view)> sink_;
  PodNamer pod_name_;
  std::vector<char> request_written_;  // by RequestClassId
};

/// What a replay of a log found.
struct LogReplay {
  std::int64_t events = 0;
  std::int64_t decisions = 0;
};

/// Reads a log, folds its events into a fresh engine and computes every decision anew. An error names the first line
/// that is malformed, or whose decision the engine would not make (data_loss, with both versions).
Result<LogReplay> replay_event_log(std::string_view text, const std::string& file);

}  // namespace gpusched
