#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "gpusched/base/check.hpp"

#include "temporary_folder.hpp"

namespace gpusched::profiler::test {

using Json = nlohmann::json;

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// gpusched-profile in a folder of its own, with a double of NVML that plays a script, or with no NVML at all.
class ProfileProgram {
 public:
  struct End {
    int code = -1;  ///< 128 + signal after a signal
    std::string out, err;
  };

  /// Without a script there is no driver, on whatever machine: the file of its name is none.
  ProfileProgram() {
    std::filesystem::create_directory(folder_ / "lib");
    std::ofstream(folder_ / "lib" / "libnvidia-ml.so.1").flush();
    set("LD_LIBRARY_PATH", (folder_ / "lib").string());
  }
  explicit ProfileProgram(const Json& script) {
    const std::filesystem::path library = GPUSCHED_FAKE_NVML;
    std::filesystem::create_directory(folder_ / "lib");
    std::filesystem::copy_file(library, folder_ / "lib" / "libnvidia-ml.so.1");
    std::ofstream(folder_ / "script.json") << script.dump(2);
    set("LD_LIBRARY_PATH", (folder_ / "lib").string());
    set("GPUSCHED_FAKE_NVML", (folder_ / "script.json").string());
  }

  /// An older driver: these functions are not in the library. Their names are overwritten in the file, which is all the
  /// dynamic linker sees of them.
  void hide(const std::vector<std::string>& functions) {
    const std::filesystem::path file = folder_ / "lib" / "libnvidia-ml.so.1";
    std::string bytes = text_of(file);
    for (const std::string& function : functions) {
      const std::string name = std::string(1, '\0') + function + std::string(1, '\0');
      std::size_t at = bytes.find(name);
      GPUSCHED_CHECK(at != std::string::npos, function + " is not in the library");
      for (; at != std::string::npos; at = bytes.find(name)) {
        bytes[at + 1] = 'X';
      }
    }
    std::ofstream(file, std::ios::binary) << bytes;
  }

  void set(const std::string& name, const std::string& value) { variables_.emplace_back(name, value); }

  /// Starts the program; finish() waits for it.
  int start(const std::vector<std::string>& arguments) {
    const pid_t child = fork();
    GPUSCHED_CHECK(child >= 0, "fork");
    if (child == 0) {
      become(arguments);
    }
    return child;
  }
  End finish(int child) {
    int status = 0;
    waitpid(child, &status, 0);
    return {.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            .out = text_of(folder_ / "out.txt"),
            .err = text_of(folder_ / "err.txt")};
  }
  End run(const std::vector<std::string>& arguments) { return finish(start(arguments)); }

  std::filesystem::path file(const char* name) const { return folder_ / name; }
  Json json(const char* name) const { return Json::parse(text_of(file(name))); }

  /// Names of the files that the program left, without those of the test.
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename().string();
      if (name != "lib" && name != "script.json" && name != "out.txt" && name != "err.txt") {
        names.push_back(name);
      }
    }
    return names;
  }

 private:
  [[noreturn]] void become(const std::vector<std::string>& arguments) {
    if (chdir(folder_.path().c_str()) != 0) {
      _exit(99);
    }
    dup2(open("out.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open("err.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    unsetenv("CUDA_VISIBLE_DEVICES");
    for (const auto& [name, value] : variables_) {
      setenv(name.c_str(), value.c_str(), 1);
    }
    std::vector<std::string> texts = {GPUSCHED_PROFILE};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<char*> words;
    for (std::string& text : texts) {
      words.push_back(text.data());
    }
    words.push_back(nullptr);
    execv(GPUSCHED_PROFILE, words.data());
    _exit(99);
  }

  gpusched::test::TemporaryFolder folder_;
  std::vector<std::pair<std::string, std::string>> variables_;
};

/// An H100 on which a job works in the way the steps say from its start on.
inline Json one_gpu(Json timeline, Json processes = Json::array({{{"pid", "descendants"}, {"memory_mib", 1500}}})) {
  return {{"gpus", Json::array({{{"model", "H100-80GB-SXM5"},
                                 {"timeline", std::move(timeline)},
                                 {"processes", std::move(processes)}}})}};
}

/// What a steady job reads like.
inline Json steady_work() {
  return {{"at_s", 0},
          {"gpu_utilization", 0.97},
          {"memory_used_mib", 2000},
          {"power_w", 400},
          {"sm_clock_mhz", 1700},
          {"memory_clock_mhz", 2619},
          {"temperature_c", 55},
          {"engine_active", 0.9},
          {"sm_active", 0.45},
          {"sm_occupancy", 0.3},
          {"tensor_active", 0.2},
          {"dram_active", 0.6},
          {"pcie_tx_mib_s", 100},
          {"pcie_rx_mib_s", 50}};
}

}  // namespace gpusched::profiler::test
