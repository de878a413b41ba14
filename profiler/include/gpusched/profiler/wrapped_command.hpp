#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"

namespace gpusched::profiler {

/// How a command ended.
struct CommandEnd {
  int exit_code = 0;                ///< as shells give it: 128 + signal after a signal
  int signal = 0;                   ///< 0: it ended by itself
  std::vector<int> left_running{};  ///< processes of it that go on
};

/// A command of the user as a child of this process, in the same process group and on the same terminal, as under
/// `time`. Processes that it leaves behind become children of this process as well, so that they are still known as its
/// own. One at a time: signals of the whole process are taken over.
class WrappedCommand {
 public:
  /// Makes the child, which waits for let_go(). Contract: words is not empty.
  static Result<WrappedCommand> prepare(const std::vector<std::string>& words);
  WrappedCommand(WrappedCommand&& other) noexcept;
  /// A child that was not let go ends.
  ~WrappedCommand();

  /// Starts the command. not_found or io with exit_code() 127 or 126, as in shells, when there is no such program or it
  /// cannot be run.
  Status let_go();
  /// Waits for its end; hands SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 on, except for those that the
  /// terminal sent, which reach the command by themselves.
  CommandEnd wait();

  /// After a let_go() that failed.
  int exit_code() const { return exit_code_; }

 private:
  WrappedCommand(std::string program, int child, int go, int trouble)
      : program_(std::move(program)), child_(child), go_(go), trouble_(trouble) {}

  std::string program_;
  int child_ = -1;
  int go_ = -1;       ///< a byte written here lets the child go
  int trouble_ = -1;  ///< the child writes its errno here when it cannot become the command
  int exit_code_ = 0;
};

/// A process that runs already. SIGINT and SIGTERM of this process are taken over: make it before any thread.
class WatchedProcess {
 public:
  /// not_found without such a process.
  static Result<WatchedProcess> open(int pid);

  /// Waits until the process ends; false when SIGINT or SIGTERM ended the wait.
  bool wait();

 private:
  WatchedProcess(int pid, std::uint64_t started) : pid_(pid), started_(started) {}
  int pid_;
  std::uint64_t started_;  ///< tells it from a later process of the same pid
};

}  // namespace gpusched::profiler
