#include "gpusched/profiler/suite/mps_daemon.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

namespace gpusched::suite {

namespace {

struct Said {
  int code = 0;
  std::string first_line;
};

/// Runs a line of shell for at most a few seconds; the daemon itself goes to the background.
Said shell(const std::string& line) {
  FILE* const pipe = popen(("{ timeout 15 " + line + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return {.code = 127, .first_line = "cannot start a shell"};
  }
  Said said;
  std::array<char, 256> chunk{};
  bool first = true;
  while (fgets(chunk.data(), static_cast<int>(chunk.size()), pipe) != nullptr) {
    if (first) {
      said.first_line = chunk.data();
      first = false;
    }
  }
  while (!said.first_line.empty() && said.first_line.back() == '\n') {
    said.first_line.pop_back();
  }
  const int status = pclose(pipe);
  said.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return said;
}

/// The folder has a name of our making: no quoting is needed.
std::string with_folders(const std::filesystem::path& folder, const std::string& command) {
  return "env CUDA_MPS_PIPE_DIRECTORY=" + (folder / "pipe").string() +
         " CUDA_MPS_LOG_DIRECTORY=" + (folder / "log").string() + " " + command;
}

Error unavailable(std::string why) {
  return {.code = ErrorCode::unsupported,
          .message = "MPS does not start here: " + std::move(why),
          .file = {},
          .line = 0,
          .remedy = {}};
}

}  // namespace

Result<MpsDaemon> MpsDaemon::start() {
  // A socket lies in it, whose path may have about 100 characters.
  std::string folder = "/tmp/gpusched-mps-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return unavailable("no folder in /tmp");
  }
  MpsDaemon daemon(folder);
  std::error_code problem;
  std::filesystem::create_directory(daemon.folder_ / "pipe", problem);
  std::filesystem::create_directory(daemon.folder_ / "log", problem);
  // Its output goes nowhere: the daemon would keep the pipe open for as long as it lives.
  const auto said_file = daemon.folder_ / "said.txt";
  const Said said =
      shell(with_folders(folder, "nvidia-cuda-mps-control -d >" + said_file.string() + " 2>&1 </dev/null") +
            "; code=$?; head -n 1 " + said_file.string() + "; (exit $code)");
  if (said.code != 0) {
    return unavailable(said.first_line.empty() ? "nvidia-cuda-mps-control ended with " + std::to_string(said.code)
                                               : said.first_line);
  }
  return daemon;
}

MpsDaemon::~MpsDaemon() {
  if (folder_.empty()) {
    return;
  }
  shell("sh -c 'echo quit | " + with_folders(folder_, "nvidia-cuda-mps-control") + "'");
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace gpusched::suite
