#include "gpusched/profiler/wrapped_command.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpusched/base/check.hpp"
#include "gpusched/profiler/process_tree.hpp"

namespace gpusched::profiler {

namespace {

constexpr std::array forwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
constexpr int no_program = 127, not_runnable = 126, signal_base = 128;

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : forwarded) {
    sigaddset(&signals, signal);
  }
  sigaddset(&signals, SIGCHLD);
  return signals;
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

Error system_error(const std::string& what) {
  return {.code = ErrorCode::io, .message = what + ": " + std::strerror(errno), .file = {}, .line = 0, .remedy = {}};
}

/// What happens in the child: only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* words, int go, int trouble, const sigset_t& mask) {
  char byte = 0;
  if (read(go, &byte, 1) != 1) {
    _exit(0);  // never let go
  }
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvp(words[0], words);
  const int problem = errno;
  [[maybe_unused]] const ssize_t told = write(trouble, &problem, sizeof(problem));
  _exit(problem == ENOENT ? no_program : not_runnable);
}

bool came_from_terminal(const siginfo_t& info) {
  return info.si_code == SI_KERNEL && (info.si_signo == SIGINT || info.si_signo == SIGQUIT);
}

/// Reaps whatever ended; the status of `child` once it did.
std::optional<int> reap(int child) {
  std::optional<int> result;
  int status = 0;
  for (pid_t ended = waitpid(-1, &status, WNOHANG); ended > 0; ended = waitpid(-1, &status, WNOHANG)) {
    if (ended == child) {
      result = status;
    }
  }
  return result;
}

}  // namespace

Result<WrappedCommand> WrappedCommand::prepare(const std::vector<std::string>& words) {
  GPUSCHED_CHECK(!words.empty(), "no command");
  std::vector<std::string> texts = words;
  std::vector<char*> pointers;
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  int go[2], trouble[2];
  if (pipe2(go, O_CLOEXEC) != 0 || pipe2(trouble, O_CLOEXEC) != 0) {
    return system_error("cannot make a pipe");
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const sigset_t signals = watched_signals();
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t child = fork();
  if (child < 0) {
    return system_error("cannot start '" + words[0] + "'");
  }
  if (child == 0) {
    close(go[1]);
    become(pointers.data(), go[0], trouble[1], before);
  }
  close(go[0]);
  close(trouble[1]);
  return WrappedCommand(words[0], child, go[1], trouble[0]);
}

WrappedCommand::WrappedCommand(WrappedCommand&& other) noexcept
    : program_(std::move(other.program_)),
      child_(std::exchange(other.child_, -1)),
      go_(std::exchange(other.go_, -1)),
      trouble_(std::exchange(other.trouble_, -1)),
      exit_code_(other.exit_code_) {}

WrappedCommand::~WrappedCommand() {
  for (const int descriptor : {go_, trouble_}) {
    if (descriptor >= 0) {
      close(descriptor);
    }
  }
  if (child_ > 0) {
    waitpid(child_, nullptr, 0);
  }
}

Status WrappedCommand::let_go() {
  if (write(go_, "!", 1) != 1) {
    return system_error("cannot start '" + program_ + "'");
  }
  close(std::exchange(go_, -1));
  int problem = 0;
  const ssize_t told = read(trouble_, &problem, sizeof(problem));  // ends when the child became the command
  close(std::exchange(trouble_, -1));
  if (told != sizeof(problem)) {
    return {};
  }
  waitpid(std::exchange(child_, -1), nullptr, 0);
  exit_code_ = problem == ENOENT ? no_program : not_runnable;
  return Error{.code = problem == ENOENT ? ErrorCode::not_found : ErrorCode::io,
               .message = "cannot run '" + program_ + "': " + std::strerror(problem),
               .file = {},
               .line = 0,
               .remedy = {}};
}

CommandEnd WrappedCommand::wait() {
  const sigset_t signals = watched_signals();
  std::optional<int> status = reap(child_);
  while (!status) {
    siginfo_t info{};
    if (const int signal = sigwaitinfo(&signals, &info); signal == SIGCHLD) {
      status = reap(child_);
    } else if (signal > 0 && !came_from_terminal(info)) {
      kill(child_, signal);
    }
  }
  child_ = -1;
  CommandEnd end;
  end.signal = WIFSIGNALED(*status) ? WTERMSIG(*status) : 0;
  end.exit_code = end.signal != 0 ? signal_base + end.signal : WEXITSTATUS(*status);
  end.left_running = children_of(getpid());
  return end;
}

Result<WatchedProcess> WatchedProcess::open(int pid) {
  const std::optional<ProcessStat> stat = process_stat(pid);
  if (!stat || stat->ended) {
    return Error{.code = ErrorCode::not_found,
                 .message = "no process " + std::to_string(pid),
                 .file = {},
                 .line = 0,
                 .remedy = "`nvidia-smi` lists those that use a GPU"};
  }
  const sigset_t signals = ending_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return WatchedProcess(pid, stat->started);
}

bool WatchedProcess::wait() {
  const sigset_t signals = ending_signals();
  const timespec pause{.tv_sec = 0, .tv_nsec = 50'000'000};
  for (;;) {
    if (sigtimedwait(&signals, nullptr, &pause) > 0) {
      return false;
    }
    const std::optional<ProcessStat> stat = process_stat(pid_);
    if (!stat || stat->ended || stat->started != started_) {
      return true;
    }
  }
}

}  // namespace gpusched::profiler
