#include "gpusched/profiler/suite/job_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace gpusched::suite {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_line = 1 << 16;
constexpr std::size_t longest_quote = 300;  // of a job's words in a message

Error system_error(const std::string& what) {
  return {.code = ErrorCode::io, .message = what + ": " + std::strerror(errno), .file = {}, .line = 0, .remedy = {}};
}

void close_end(int& end) {
  if (end >= 0) {
    close(end);
    end = -1;
  }
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1'000'000'000));
}

/// Quoted so that garbage cannot break a log line or a terminal.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, longest_quote)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte > 0x7E ? '?' : c;
  }
  return out + (text.size() > longest_quote ? "...'" : "'");
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) {
    return "was killed by signal " + std::to_string(WTERMSIG(status));
  }
  return "ended with code " + std::to_string(WEXITSTATUS(status));
}

/// The environment of this process with these variables set.
std::vector<std::string> merged(const JobProcess::Environment& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::none_of(added.begin(), added.end(), [&](const auto& variable) { return variable.first == name; })) {
      result.emplace_back(text);
    }
  }
  for (const auto& [name, value] : added) {
    result.push_back(name + "=" + value);
  }
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

}  // namespace

Result<JobProcess> JobProcess::start(const std::filesystem::path& program, const std::vector<std::string>& words,
                                     const Environment& environment, const std::filesystem::path& error_file) {
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{-1, -1};
  // Close on exec: a neighbour that holds the other end would keep this job from seeing its input end.
  if (pipe2(in.data(), O_CLOEXEC) != 0) {
    return system_error("cannot make a pipe");
  }
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    close_end(in[0]);
    close_end(in[1]);
    return system_error("cannot make a pipe");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::vector<std::string> texts = {program.string()};
  texts.insert(texts.end(), words.begin(), words.end());
  std::vector<std::string> variables = merged(environment);
  pid_t pid = -1;
  const int problem =
      posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers(texts).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close_end(in[0]);
  close_end(out[1]);
  if (problem != 0) {
    close_end(in[1]);
    close_end(out[0]);
    errno = problem;
    Error error = system_error("cannot start '" + program.string() + "'");
    error.remedy =
        "A build with nvcc has it: tools/setup cuda, then cmake -DGPUSCHED_WITH_CUDA=ON; --job names another";
    return error;
  }
  return JobProcess(pid, in[1], out[0], error_file);
}

JobProcess::JobProcess(JobProcess&& other) noexcept { *this = std::move(other); }

JobProcess& JobProcess::operator=(JobProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(in_, other.in_);
  std::swap(out_, other.out_);
  std::swap(buffer_, other.buffer_);
  std::swap(error_file_, other.error_file_);
  return *this;
}

JobProcess::~JobProcess() {
  close_end(in_);
  close_end(out_);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

Error JobProcess::failure(const std::string& what) const {
  std::ifstream in(error_file_, std::ios::binary);
  std::string said;
  std::getline(in, said);
  return {.code = ErrorCode::data_loss,
          .message = what + (said.empty() ? "" : "; it said " + in_quotes(said)),
          .file = {},
          .line = 0,
          .remedy = {}};
}

std::string JobProcess::reap(Moment deadline) {
  auto pause = std::chrono::microseconds(200);
  int status = 0;
  while (pid_ > 0) {
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      pid_ = -1;
      return end_of(status);
    }
    if ((ended < 0 && errno != EINTR) || Clock::now() >= deadline) {
      return "did not end";
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(20'000));
  }
  return "had ended";
}

Result<FlatObject> JobProcess::read_event(const std::string& event, Moment deadline) {
  while (true) {
    if (const std::size_t newline = buffer_.find('\n'); newline != std::string::npos) {
      const std::string line = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      Result<FlatObject> object = FlatObject::parse(line);
      if (!object || object.value().text("event") != event) {
        return failure("the job printed " + in_quotes(line) + " where its " + event + " line belongs");
      }
      return object;
    }
    if (buffer_.size() > longest_line) {
      return failure("the job printed " + in_quotes(buffer_) + " without an end");
    }
    pollfd wait{.fd = out_, .events = POLLIN, .revents = 0};
    const int ready = poll(&wait, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      return failure("the job printed no " + event + " line in time");
    }
    std::array<char, 4096> chunk{};
    const ssize_t count = read(out_, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      const std::string how = reap(Clock::now() + std::chrono::seconds(2));
      return failure("the job " + how + " before its " + event + " line");
    }
    buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void JobProcess::release() {
  // A process that is gone says so when its result is asked for.
  [[maybe_unused]] const ssize_t written = write(in_, "go\n", 3);
}

Status JobProcess::wait_for_end(Moment deadline) {
  const std::string how = reap(deadline);
  if (how == end_of(0)) {
    return {};
  }
  return failure("the job " + how);
}

}  // namespace gpusched::suite
