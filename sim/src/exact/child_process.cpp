#include "exact/child_process.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gpusched::sim {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int cannot_start = 127;  // as shells do

Error io_error(const std::string& what) {
  return {.code = ErrorCode::io, .message = what + ": " + std::strerror(errno), .file = {}, .line = 0, .remedy = {}};
}

/// What happens in the child between fork and exec: only calls that are safe there.
[[noreturn]] void become(const char* program, char* const* words, const char* folder, const char* output,
                         const ChildLimits& limits) {
  const auto bytes = static_cast<rlim_t>(limits.memory_mib) << 20;
  const rlimit memory{bytes, bytes};
  const int in = open("/dev/null", O_RDONLY);
  const int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir(folder) != 0 ||
      (limits.memory_mib > 0 && setrlimit(RLIMIT_AS, &memory) != 0)) {
    _exit(cannot_start);
  }
  execv(program, words);
  _exit(cannot_start);
}

/// Ends a child that nobody waits for any more.
class KilledUnlessEnded {
 public:
  explicit KilledUnlessEnded(pid_t child) : child_(child) {}
  ~KilledUnlessEnded() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }
  KilledUnlessEnded(const KilledUnlessEnded&) = delete;
  KilledUnlessEnded& operator=(const KilledUnlessEnded&) = delete;
  void ended() { child_ = 0; }

 private:
  pid_t child_;
};

}  // namespace

std::optional<std::filesystem::path> find_on_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::filesystem::path file = std::filesystem::path(rest.substr(0, colon)) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored) && access(file.c_str(), X_OK) == 0) {
      return std::filesystem::absolute(file, ignored);
    }
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return std::nullopt;
}

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code problem;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(problem);
  std::string name = ((problem ? std::filesystem::path("/tmp") : parent) / "gpusched-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    return io_error("cannot make a temporary folder '" + name + "'");
  }
  return TemporaryFolder(name);
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
}

Result<ChildEnd> run_child(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                           const std::filesystem::path& folder, const std::filesystem::path& output,
                           const ChildLimits& limits, const std::function<void()>& look) {
  std::vector<std::string> texts = {program.string()};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& text : texts) {
    words.push_back(text.data());
  }
  words.push_back(nullptr);
  const auto begin = Clock::now();
  const pid_t child = fork();
  if (child < 0) {
    return io_error("cannot start '" + program.string() + "'");
  }
  if (child == 0) {
    become(program.c_str(), words.data(), folder.c_str(), output.c_str(), limits);
  }
  ChildEnd end;
  int status = 0;
  KilledUnlessEnded guard(child);
  auto pause = std::chrono::microseconds(200);
  for (pid_t ended = 0; ended != child;) {
    ended = waitpid(child, &status, WNOHANG);
    if (ended < 0 && errno != EINTR) {
      return io_error("cannot wait for '" + program.string() + "'");
    }
    end.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
    if (ended == child) {
      guard.ended();
      break;
    }
    if (look) {
      look();
    }
    if (!end.killed && end.wall_s > limits.wall_s) {
      end.killed = true;
      kill(child, SIGKILL);
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(20'000));
  }
  if (WIFEXITED(status)) {
    end.exit_code = WEXITSTATUS(status);
    if (end.exit_code == cannot_start) {
      return Error{.code = ErrorCode::io,
                   .message = "cannot run '" + program.string() + "'",
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
  } else {
    end.signal = WTERMSIG(status);
  }
  return end;
}

}  // namespace gpusched::sim
