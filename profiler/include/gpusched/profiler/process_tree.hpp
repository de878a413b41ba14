#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gpusched::profiler {

/// All of /proc/PID/FILE; empty where it may not be read, or the process is no more.
std::string process_text(int pid, const char* file);

/// What /proc/PID/stat says of a process.
struct ProcessStat {
  int parent = 0;
  std::uint64_t started = 0;  ///< clock ticks after boot: tells a process from a later one of the same pid
  bool ended = false;         ///< a zombie, which holds nothing any more
};

/// nullopt when there is no such process in this PID namespace.
std::optional<ProcessStat> process_stat(int pid);

/// Processes whose parent `pid` is and that have not ended, ascending.
std::vector<int> children_of(int pid);

/// A process and all that descend from it. Who belonged once stays, wherever it moves when its parent ends.
class ProcessTree {
 public:
  enum class Root { included, excluded };

  ProcessTree(int root, Root mode) : root_(root), mode_(mode) {}

  /// False for processes that do not exist here, as in a container that NVML gives the host's pids.
  bool contains(int pid);

 private:
  bool descends(int pid) const;

  int root_;
  Root mode_;
  std::map<int, std::uint64_t> known_;  // pid -> when it started
};

}  // namespace gpusched::profiler
