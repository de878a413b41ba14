#include "gpusched/sim/event_log_observer.hpp"

#include <filesystem>

#include "gpusched/sim/pod_names.hpp"

namespace gpusched::sim {

namespace {

constexpr std::size_t flush_bytes = 1U << 20;

}  // namespace

Result<std::unique_ptr<EventLogObserver>> EventLogObserver::open(const std::string& path, const Trace& trace,
                                                                 const SimulationOptions& options) {
  std::error_code ignored;  // fopen says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    return Error{.code = ErrorCode::io,
                 .message = "cannot write '" + path + "'",
                 .file = {},
                 .line = 0,
                 .remedy = "Check that the directory exists"};
  }
  std::unique_ptr<EventLogObserver> observer(new EventLogObserver(file, path, pod_names(trace, options)));
  observer->writer_.header({.policy = options.policy,
                            .seed = options.seed,
                            .target = options.target,
                            .preemption = options.preemption,
                            .reshape = options.reshape.rules});
  return observer;
}

EventLogObserver::EventLogObserver(std::FILE* file, std::string path, std::vector<std::string> pod_names)
    : file_(file),
      path_(std::move(path)),
      pod_names_(std::move(pod_names)),
      writer_(
          [this](std::string_view text) {
            buffer_ += text;
            if (buffer_.size() > flush_bytes) {
              failed_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size();
              buffer_.clear();
            }
          },
          [this](PodId pod) { return pod_names_[pod.value]; }) {}

EventLogObserver::~EventLogObserver() {
  if (file_ != nullptr && file_ != stdout) {
    std::fclose(file_);
  }
}

void EventLogObserver::on_event(const Engine& engine, const Event& event) { writer_.event(engine, event); }

void EventLogObserver::on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                                   std::span<const Decision> decisions) {
  writer_.decision(engine, now, pods, decisions);
}

Status EventLogObserver::close() {
  failed_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size();
  buffer_.clear();
  failed_ |= std::fflush(file_) != 0;
  return failed_ ? Status(Error{.code = ErrorCode::io,
                                .message = "cannot write '" + path_ + "'",
                                .file = {},
                                .line = 0,
                                .remedy = "Check that the disk has room"})
                 : Status();
}

}  // namespace gpusched::sim
