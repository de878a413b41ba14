#pragma once

#include <chrono>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>

#include "gpusched/base/result.hpp"

namespace gpusched::extender {

/// The event log of one run of the process: a log begins with an empty state, so each start begins a new file,
/// `events-UTC.jsonl` in the folder given.
class EventLogFile {
 public:
  Status open(const std::string& folder, std::chrono::system_clock::time_point start) {
    const std::time_t time = std::chrono::system_clock::to_time_t(start);
    std::tm parts{};
    gmtime_r(&time, &parts);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(start.time_since_epoch()).count() % 1'000'000;
    const std::string path = folder + "/events-" + stamp + "-" + std::to_string(micros) + ".jsonl";
    out_.open(path, std::ios::binary | std::ios::trunc);
    return out_ ? Status()
                : Status(Error{.code = ErrorCode::io,
                               .message = "the event log cannot be written",
                               .file = path,
                               .line = 0,
                               .remedy = "The folder must exist and be writable"});
  }
  bool is_open() const { return out_.is_open(); }
  void write(std::string_view line) { out_.write(line.data(), static_cast<std::streamsize>(line.size())); }
  void flush() { out_.flush(); }

 private:
  std::ofstream out_;
};

}  // namespace gpusched::extender
