#include "gpusched/sim/execution/execution_options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace gpusched::sim {

namespace {

constexpr TimeNs hour_ns = 3600 * ns_per_s;
constexpr TimeNs default_from_ns = 5 * hour_ns;
constexpr TimeNs default_to_ns = 19 * hour_ns;

Result<std::optional<TimeNs>> seconds_of(const Trace& trace, const char* key) {
  const auto found = trace.metadata.find(key);
  if (found == trace.metadata.end()) {
    return std::optional<TimeNs>{};
  }
  const std::string& text = found->second;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= 0) || seconds > 1e9) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "'" + text + "' of '#" + key + "' is no time",
                 .file = {},
                 .line = 0,
                 .remedy = "Give seconds from the start of the trace"};
  }
  return std::optional<TimeNs>(std::llround(seconds * static_cast<double>(ns_per_s)));
}

}  // namespace

Result<MeasuringWindow> measuring_window(const Trace& trace) {
  const Result<std::optional<TimeNs>> from = seconds_of(trace, "window_from_s");
  const Result<std::optional<TimeNs>> to = seconds_of(trace, "window_to_s");
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  const TimeNs last_ns = trace.jobs.empty() ? 0 : trace.jobs.back().submit_ns;
  const MeasuringWindow window{.from_ns = from.value().value_or(last_ns > default_from_ns ? default_from_ns : 0),
                               .to_ns = to.value().value_or(std::max(default_to_ns, last_ns))};
  if (window.from_ns >= window.to_ns) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "the measuring window ends before it begins: " + std::to_string(window.from_ns / ns_per_s) +
                            " s to " + std::to_string(window.to_ns / ns_per_s) + " s",
                 .file = {},
                 .line = 0,
                 .remedy = "Correct '#window_from_s' and '#window_to_s' of the trace"};
  }
  return window;
}

}  // namespace gpusched::sim
