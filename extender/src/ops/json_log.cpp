#include "gpusched/extender/json_log.hpp"

#include <array>
#include <chrono>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "gpusched/extender/json_text.hpp"

namespace gpusched::extender {

namespace {

constexpr std::array<const char*, 4> level_names = {"debug", "info", "warning", "error"};
constexpr std::array<spdlog::level::level_enum, 4> spdlog_levels = {spdlog::level::debug, spdlog::level::info,
                                                                    spdlog::level::warn, spdlog::level::err};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("gpusched-extender");
    made->set_pattern("%v");  // a pattern does not escape: the line is made here
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (text == level_names[i]) {
      return static_cast<LogLevel>(i);
    }
  }
  return Error{.code = ErrorCode::invalid_argument,
               .message = "unknown log level '" + std::string(text) + "'",
               .file = {},
               .line = 0,
               .remedy = "Known: debug, info, warning, error"};
}

void set_log_level(LogLevel level) { logger().set_level(spdlog_levels[static_cast<std::size_t>(level)]); }

void log(LogLevel level, std::string_view message, LogFields fields) {
  const auto spdlog_level = spdlog_levels[static_cast<std::size_t>(level)];
  if (!logger().should_log(spdlog_level)) {
    return;
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  std::string line = "{\"ts\":" + std::to_string(now.count() / 1'000'000) + "." +
                     std::to_string(1'000'000 + now.count() % 1'000'000).substr(1) + ",\"level\":\"" +
                     level_names[static_cast<std::size_t>(level)] + "\",\"msg\":";
  append_json_string(line, message);
  for (const auto& [key, value] : fields) {
    line += ',';
    append_json_string(line, key);
    line += ':';
    append_json_string(line, value);
  }
  line += '}';
  logger().log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace gpusched::extender
