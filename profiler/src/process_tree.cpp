#include "gpusched/profiler/process_tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace gpusched::profiler {

namespace {

constexpr int deepest = 1000;  // a chain of parents that a pid used again turned into a ring must end

}  // namespace

std::string process_text(int pid, const char* file) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/" + file, std::ios::binary);
  std::string text;
  std::array<char, 4096> block{};
  // Not by an iterator over the buffer, which throws when the process ends between open and read.
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

std::optional<ProcessStat> process_stat(int pid) {
  const std::string text = process_text(pid, "stat");
  // "PID (NAME) STATE PARENT ...": the name may hold spaces and brackets.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(text.substr(name_end + 1));
  char state = '?';
  ProcessStat stat;
  fields >> state >> stat.parent;
  std::string skipped;
  constexpr int parent_field = 4, start_field = 22;  // proc(5)
  for (int field = parent_field + 1; field < start_field; ++field) {
    fields >> skipped;
  }
  fields >> stat.started;
  stat.ended = state == 'Z' || state == 'X';
  return fields ? std::optional(stat) : std::nullopt;
}

std::vector<int> children_of(int pid) {
  std::vector<int> children;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    int candidate = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), candidate);
    if (problem != std::errc() || end != name.data() + name.size()) {
      continue;
    }
    if (const auto stat = process_stat(candidate); stat && stat->parent == pid && !stat->ended) {
      children.push_back(candidate);
    }
  }
  std::sort(children.begin(), children.end());
  return children;
}

bool ProcessTree::contains(int pid) {
  const std::optional<ProcessStat> stat = process_stat(pid);
  const auto known = known_.find(pid);
  // The driver may list a process a little longer than the kernel does.
  if (known != known_.end() && (!stat || known->second == stat->started)) {
    return true;
  }
  if (!stat) {
    return false;
  }
  if (!descends(pid)) {
    return false;
  }
  known_[pid] = stat->started;
  return true;
}

bool ProcessTree::descends(int pid) const {
  if (pid == root_) {
    return mode_ == Root::included;
  }
  for (int depth = 0; depth < deepest; ++depth) {
    const std::optional<ProcessStat> stat = process_stat(pid);
    if (!stat || stat->parent <= 0) {
      return false;
    }
    pid = stat->parent;
    const auto known = known_.find(pid);
    if (pid == root_ || (known != known_.end() && process_stat(pid).value_or(ProcessStat{}).started == known->second)) {
      return true;
    }
  }
  return false;
}

}  // namespace gpusched::profiler
