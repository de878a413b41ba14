#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "gpusched/io/job_profile_json.hpp"

#include "profile_program.hpp"

namespace gpusched::profiler::test {
namespace {

std::vector<std::string> run_sleep(const char* seconds) {
  return {"run", "--hz", "25", "--name", "job", "--out", "p.json", "--", "sleep", seconds};
}

std::vector<std::string> run_shell(const std::string& script) {
  return {"run", "--hz", "25", "--name", "job", "--out", "p.json", "--", "sh", "-c", script};
}

/// The texts of a partial job's missing things.
std::string missing_of(const Json& job) {
  std::string text;
  for (const Json& entry : job["missing"]) {
    text += entry["what"].get<std::string>() + ": " + entry["why"].get<std::string>() + "\n";
  }
  return text;
}

TEST(RunCommandTest, WritesAProfileThatEverythingElseReads) {
  ProfileProgram program(one_gpu({steady_work()}));
  const auto end = program.run(run_sleep("4"));  // on a busy machine two seconds have too few windows of the counters
  ASSERT_EQ(end.code, 0) << end.err;
  const auto profiles = read_job_profiles(text_of(program.file("p.json")), "p.json");
  ASSERT_TRUE(profiles.ok()) << profiles.error().to_string();
  ASSERT_EQ(profiles.value().size(), 1U) << text_of(program.file("p.json"));
  const JobProfile& profile = profiles.value()[0];
  EXPECT_EQ(profile.name, "job");
  EXPECT_NEAR(profile.engine_active.mean, 0.9, 1e-6);
  EXPECT_NEAR(*profile.engine_active.p99, 0.9, 1e-6);
  EXPECT_NEAR(profile.sm_active->mean, 0.5, 1e-6) << "of the time in which a kernel is resident";
  EXPECT_NEAR(profile.dram_active.mean, 0.6, 1e-6);
  EXPECT_NEAR(profile.tensor_active->mean, 0.2, 1e-6);
  EXPECT_NEAR(*profile.power_w, 400, 1e-6);
  EXPECT_EQ(profile.memory_peak_mib, 1500);
  EXPECT_EQ(profile.duty_cycle, 1);
  const Json provenance = program.json("p.json")["profiles"][0]["provenance"];
  EXPECT_EQ(provenance["driver"], "580.95.05");
  EXPECT_EQ(provenance["command"], "sleep 4");
  EXPECT_EQ(provenance["sm_clock_mhz"], 1700);
  EXPECT_NEAR(provenance["duration_s"].get<double>(), 4, 0.6);
  EXPECT_GE(provenance["samples"]["taken"], 60);
  EXPECT_NEAR(provenance["energy_j"].get<double>(), 1600, 240);
  EXPECT_EQ(program.left(), std::vector<std::string>{"p.json"}) << "nothing temporary stays";
}

TEST(RunCommandTest, DutyCycleIsTheShareOfTimeInWhichAKernelRan) {
  Json idle = steady_work();
  idle["at_s"] = 2;
  for (const char* activity : {"engine_active", "sm_active", "dram_active", "tensor_active", "gpu_utilization"}) {
    idle[activity] = 0;
  }
  idle["power_w"] = 80;
  ProfileProgram program(one_gpu({steady_work(), idle}));
  ASSERT_EQ(program.run(run_sleep("4")).code, 0);
  const Json profile = program.json("p.json")["profiles"][0];
  EXPECT_NEAR(profile["duty_cycle"].get<double>(), 0.5, 0.12);
  EXPECT_NEAR(profile["dram_active"]["p50"].get<double>(), 0.6, 1e-6) << "idle time is no part of the activities";
}

TEST(RunCommandTest, ThrottledSamplesAreMarkedAndLeftOut) {
  Json hot = steady_work();
  hot["at_s"] = 2;
  hot["clock_reasons"] = 0x40;
  hot["engine_active"] = 0.1;
  hot["sm_clock_mhz"] = 600;
  ProfileProgram program(one_gpu({steady_work(), hot}));
  ASSERT_EQ(program.run(run_sleep("4")).code, 0);
  const Json profile = program.json("p.json")["profiles"][0];
  EXPECT_NEAR(profile["provenance"]["samples"]["throttled"].get<double>(), 50, 12);
  EXPECT_NEAR(profile["engine_active"]["p50"].get<double>(), 0.9, 1e-6);
  EXPECT_EQ(profile["provenance"]["sm_clock_mhz"], 1700);
  EXPECT_NE(profile["provenance"]["notes"].dump().find("throttled"), std::string::npos);
}

TEST(RunCommandTest, FollowsChildrenAndAddsTheirMemory) {
  ProfileProgram program(one_gpu({steady_work()}));
  // The shell and two sleeps, one of them handed to init by a shell that is gone: three processes of 1500 MiB. The
  // shell ends when that sleep is gone, however late it began: what is left behind would be work in the background.
  // (What init does not collect has an empty command line.)
  const char* const script =
      "sh -c 'sleep 4 & echo $! >orphan'; sleep 4; while grep -q sleep /proc/$(cat orphan)/cmdline 2>/dev/null; do "
      "sleep 0.05; done";
  ASSERT_EQ(program.run(run_shell(script)).code, 0);
  const Json profile = program.json("p.json")["profiles"][0];
  EXPECT_GE(profile["memory_peak_mib"], 4500);
  EXPECT_GE(profile["provenance"]["processes"], 3);
}

TEST(RunCommandTest, PassesTheExitCodeOnAndKeepsAPartialProfileOfAFailure) {
  ProfileProgram program(one_gpu({steady_work()}));
  EXPECT_EQ(program.run(run_shell("sleep 1; exit 7")).code, 7);
  const Json file = program.json("p.json");
  EXPECT_TRUE(file["profiles"].empty());
  EXPECT_NE(missing_of(file["partial"][0]).find("exit code 7"), std::string::npos);
  EXPECT_EQ(file["partial"][0]["memory_peak_mib"], 3000);
  EXPECT_TRUE(read_job_profiles(text_of(program.file("p.json")), "p.json").ok()) << "the core leaves it aside";
}

TEST(RunCommandTest, AKilledCommandLeavesAPartialProfile) {
  ProfileProgram program(one_gpu({steady_work()}));
  EXPECT_EQ(program.run(run_shell("sleep 1; kill -9 $$")).code, 128 + SIGKILL);
  EXPECT_NE(missing_of(program.json("p.json")["partial"][0]).find("signal 9"), std::string::npos);
  EXPECT_EQ(program.run(run_shell("sleep 1; kill -SEGV $$")).code, 128 + SIGSEGV);
  EXPECT_NE(missing_of(program.json("p.json")["partial"][0]).find("signal 11"), std::string::npos);
}

TEST(RunCommandTest, SaysWhenTheCommandForksAway) {
  ProfileProgram program(one_gpu({steady_work()}));
  const auto end = program.run(run_shell("sleep 3 & sleep 1"));
  EXPECT_EQ(end.code, 0);
  const std::string missing = missing_of(program.json("p.json")["partial"][0]);
  EXPECT_NE(missing.find("went on in the background"), std::string::npos) << missing;
  EXPECT_NE(missing.find("gpusched-profile watch"), std::string::npos) << missing;
}

TEST(RunCommandTest, HandsSignalsOn) {
  ProfileProgram program(one_gpu({steady_work()}));
  const int pid = program.start(run_shell("trap 'echo caught; exit 5' TERM; while :; do sleep 0.1; done"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  kill(pid, SIGTERM);
  const auto end = program.finish(pid);
  EXPECT_EQ(end.code, 5);
  EXPECT_EQ(end.out, "caught\n");
}

TEST(RunCommandTest, WithoutADriverTheCommandRunsAndNothingIsWritten) {
  ProfileProgram program;
  const auto end = program.run(run_shell("echo done; exit 3"));
  EXPECT_EQ(end.code, 3);
  EXPECT_EQ(end.out, "done\n");
  EXPECT_NE(end.err.find("no NVIDIA driver here"), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("install it"), std::string::npos) << end.err;
  EXPECT_TRUE(program.left().empty());
}

TEST(RunCommandTest, MustMeasureDoesNotRunWhatCannotBeMeasured) {
  ProfileProgram program;
  const auto end = program.run({"run", "--must-measure", "--out", "p.json", "--", "touch", "ran"});
  EXPECT_EQ(end.code, 1);
  EXPECT_TRUE(program.left().empty());
}

TEST(RunCommandTest, EndsAsShellsDoWhereTheCommandCannotRun) {
  for (const bool with_gpu : {false, true}) {
    ProfileProgram without;
    ProfileProgram with(one_gpu({steady_work()}));
    ProfileProgram& program = with_gpu ? with : without;
    EXPECT_EQ(program.run({"run", "--out", "p.json", "--", "no-such-program"}).code, 127);
    EXPECT_EQ(program.run({"run", "--out", "p.json", "--", "/etc/passwd"}).code, 126);
    EXPECT_TRUE(program.left().empty());
  }
}

/// What the machine is like, and what is said of it; the command runs, and nothing is written.
TEST(RunCommandTest, SaysWhatIsWrongWithTheMachine) {
  const auto failing = [](const char* function, const char* error) {
    Json script = one_gpu({steady_work()});
    script["errors"][function] = error;
    return script;
  };
  Json no_instance = one_gpu({steady_work()});
  no_instance["gpus"][0]["mig"] = true;
  const std::vector<std::pair<Json, std::vector<std::string>>> cases = {
      {{{"gpus", Json::array()}}, {"the driver is there, and no GPU"}},
      {failing("nvmlInit", "DRIVER_NOT_LOADED"), {"NVML_ERROR_DRIVER_NOT_LOADED", "modprobe nvidia"}},
      {failing("nvmlInit", "LIB_RM_VERSION_MISMATCH"), {"NVML_ERROR_LIB_RM_VERSION_MISMATCH", "reboot"}},
      {failing("nvmlDeviceGetHandleByIndex", "NO_PERMISSION"), {"GPU 0", "NVML_ERROR_NO_PERMISSION"}},
      {failing("nvmlDeviceGetHandleByIndex", "GPU_IS_LOST"), {"GPU 0", "NVML_ERROR_GPU_IS_LOST", "Xid"}},
      {no_instance, {"MIG enabled and no instance", "nvidia-smi mig -cgi"}},
  };
  for (const auto& [script, words] : cases) {
    ProfileProgram program(script);
    const auto end = program.run(run_shell("echo ran; exit 4"));
    EXPECT_EQ(end.code, 4) << words[0];
    EXPECT_EQ(end.out, "ran\n") << words[0];
    for (const std::string& word : words) {
      EXPECT_NE(end.err.find(word), std::string::npos) << word << " in " << end.err;
    }
    EXPECT_TRUE(program.left().empty()) << words[0];
  }
}

TEST(RunCommandTest, DeniedCountersStayUnknownAndTheRestIsKept) {
  Json script = one_gpu({steady_work()});
  script["errors"]["nvmlGpmSampleGet"] = "NO_PERMISSION";
  ProfileProgram program(script);
  EXPECT_EQ(program.run(run_sleep("2")).code, 0);
  const Json job = program.json("p.json")["partial"][0];
  EXPECT_FALSE(job.contains("engine_active"));
  EXPECT_FALSE(job.contains("dram_active"));
  EXPECT_NE(missing_of(job).find("NVML_ERROR_NO_PERMISSION"), std::string::npos);
  EXPECT_NE(missing_of(job).find("NVreg_RestrictProfilingToAdminUsers=0"), std::string::npos);
  EXPECT_EQ(job["memory_peak_mib"], 1500);
  EXPECT_NEAR(job["provenance"]["gpu_utilization"]["mean"].get<double>(), 0.97, 1e-6);
}

TEST(RunCommandTest, AnOldDriverLacksWhatItLacks) {
  ProfileProgram program(one_gpu({steady_work()}));
  program.hide({"nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetComputeRunningProcesses_v3",
                "nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetMPSComputeRunningProcesses_v3",
                "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetTotalEnergyConsumption",
                "nvmlGpmQueryDeviceSupport", "nvmlInit_v2"});
  EXPECT_EQ(program.run(run_sleep("2")).code, 0);
  const Json job = program.json("p.json")["partial"][0];
  EXPECT_EQ(job["memory_peak_mib"], 1500) << "by the first version of the function";
  EXPECT_EQ(job["provenance"]["device_memory_peak_mib"], 2000);
  EXPECT_FALSE(job["provenance"].contains("energy_j"));
  EXPECT_FALSE(job.contains("engine_active"));
  EXPECT_NE(missing_of(job).find("NVML_ERROR_FUNCTION_NOT_FOUND"), std::string::npos) << missing_of(job);
}

TEST(RunCommandTest, AGpuThatIsLostEndsTheMeasurementAndNotTheCommand) {
  Json script = one_gpu({steady_work()});
  script["errors"]["nvmlDeviceGetMemoryInfo"] = {{"error", "GPU_IS_LOST"}, {"from_s", 1.0}};
  ProfileProgram program(script);
  EXPECT_EQ(program.run(run_sleep("2")).code, 0);
  const Json job = program.json("p.json")["partial"][0];
  EXPECT_NE(missing_of(job).find("NVML_ERROR_GPU_IS_LOST"), std::string::npos);
  EXPECT_NEAR(job["provenance"]["duration_s"].get<double>(), 1, 0.3);
}

TEST(RunCommandTest, WorkOfOthersMakesNoProfile) {
  ProfileProgram program(
      one_gpu({steady_work()}, {{{"pid", "descendants"}, {"memory_mib", 1000}}, {{"pid", 1}, {"memory_mib", 9000}}}));
  EXPECT_EQ(program.run(run_sleep("2")).code, 0);
  const Json file = program.json("p.json");
  EXPECT_TRUE(file["profiles"].empty());
  EXPECT_NE(missing_of(file["partial"][0]).find("alone"), std::string::npos);
  EXPECT_EQ(file["partial"][0]["memory_peak_mib"], 1000);
}

TEST(RunCommandTest, ACommandThatUsesNoGpuGetsNoProfile) {
  ProfileProgram program(one_gpu({{{"at_s", 0}, {"gpu_utilization", 0}, {"memory_used_mib", 0}}}, Json::array()));
  const auto end = program.run(run_sleep("2"));
  EXPECT_EQ(end.code, 0);
  EXPECT_NE(end.err.find("did not use GPU 0 NVIDIA H100 80GB HBM3"), std::string::npos) << end.err;
  EXPECT_TRUE(program.left().empty());
}

TEST(RunCommandTest, OfAMigInstanceNothingIsTakenFromItsGpu) {
  Json script = {
      {"gpus", Json::array({{{"model", "H100-80GB-SXM5"},
                             {"mig", true},
                             {"instances", Json::array({{{"profile", "3g.40gb"}}, {{"profile", "1g.10gb"}}})},
                             {"timeline", Json::array({steady_work()})},
                             {"processes", Json::array()}}})}};
  Json& gpu = script["gpus"][0];
  gpu["timeline"].push_back({{"at_s", 0},
                             {"gpu_instance", 2},
                             {"engine_active", 0.5},
                             {"sm_active", 0.4},
                             {"dram_active", 0.25},
                             {"memory_used_mib", 900}});
  gpu["processes"].push_back({{"pid", "descendants"}, {"memory_mib", 800}, {"gpu_instance", 2}});
  ProfileProgram program(script);
  program.set("CUDA_VISIBLE_DEVICES", "MIG-00000000-0000-5000-8000-000000020000");
  EXPECT_EQ(program.run(run_sleep("2")).code, 0);
  const Json job = program.json("p.json")["partial"][0];
  EXPECT_EQ(job["provenance"]["instance"], "1g.10gb");
  EXPECT_NE(missing_of(job).find("whole_gpu"), std::string::npos);
  EXPECT_EQ(job["engine_active"]["mean"], 0.5);
  EXPECT_EQ(job["dram_active"]["mean"], 0.25);
  EXPECT_EQ(job["memory_peak_mib"], 800);
  EXPECT_EQ(job["provenance"]["device_memory_peak_mib"], 900);
  for (const char* of_the_gpu : {"power_w"}) {
    EXPECT_FALSE(job.contains(of_the_gpu)) << of_the_gpu;
  }
  for (const char* of_the_gpu : {"energy_j", "sm_clock_mhz", "temperature_c", "gpu_utilization", "ecc_uncorrected"}) {
    EXPECT_FALSE(job["provenance"].contains(of_the_gpu)) << of_the_gpu;
  }
}

TEST(RunCommandTest, AServiceNeedsWhatNoCounterKnows) {
  ProfileProgram program(one_gpu({steady_work()}));
  std::vector<std::string> arguments = run_sleep("4");
  arguments.insert(arguments.begin() + 1, {"--kind", "service"});
  EXPECT_EQ(program.run(arguments).code, 0);
  EXPECT_NE(missing_of(program.json("p.json")["partial"][0]).find("--service-time-ms"), std::string::npos);
  arguments.insert(arguments.begin() + 1, {"--request-load", "0.4", "--service-time-ms", "12", "--context-mib", "300"});
  EXPECT_EQ(program.run(arguments).code, 0);
  const Json profile = program.json("p.json")["profiles"][0];
  EXPECT_EQ(profile["request_load"]["mean"], 0.4);
  EXPECT_EQ(profile["service_time_ms"], 12);
  EXPECT_EQ(profile["memory_peak_mib"], 1200);
}

TEST(RunCommandTest, HonoursWhatTheJobMaySee) {
  Json script = one_gpu({steady_work()});
  script["gpus"].push_back(script["gpus"][0]);
  script["gpus"][1]["model"] = "A100-80GB";
  ProfileProgram program(script);
  program.set("CUDA_VISIBLE_DEVICES", "1");
  EXPECT_EQ(program.run(run_sleep("2")).code, 0);
  EXPECT_EQ(program.json("p.json")["partial"][0]["gpu_model"], "A100-80GB");
  program.set("CUDA_VISIBLE_DEVICES", "");
  const auto hidden = program.run(run_shell("exit 0"));
  EXPECT_NE(hidden.err.find("hides every GPU"), std::string::npos) << hidden.err;
  const auto unknown = program.run({"run", "--device", "7", "--", "true"});
  EXPECT_NE(unknown.err.find("no device '7'"), std::string::npos) << unknown.err;
  EXPECT_NE(unknown.err.find("1 or GPU-"), std::string::npos) << unknown.err;
}

TEST(WatchCommandTest, WatchesUntilTheProcessEnds) {
  ProfileProgram program(one_gpu({steady_work()}, Json::array()));
  const pid_t job = fork();
  ASSERT_GE(job, 0);
  if (job == 0) {
    execlp("sleep", "sleep", "2", nullptr);
    _exit(99);
  }
  Json script = one_gpu({steady_work()}, {{{"pid", job}, {"memory_mib", 700}}});
  std::ofstream(program.file("script.json")) << script;
  const int watcher = program.start({"watch", std::to_string(job), "--hz", "25", "--out", "p.json"});
  waitpid(job, nullptr, 0);
  const auto end = program.finish(watcher);
  EXPECT_EQ(end.code, 0) << end.err;
  ASSERT_EQ(program.json("p.json")["profiles"].size(), 1U) << end.err;
  const Json profile = program.json("p.json")["profiles"][0];
  EXPECT_EQ(profile["name"], "sleep");
  EXPECT_EQ(profile["memory_peak_mib"], 700);
}

TEST(WatchCommandTest, AnInterruptEndsTheWatchAndNotTheProcess) {
  const pid_t job = fork();
  ASSERT_GE(job, 0);
  if (job == 0) {
    execlp("sleep", "sleep", "20", nullptr);
    _exit(99);
  }
  ProfileProgram program(one_gpu({steady_work()}, {{{"pid", job}, {"memory_mib", 700}}}));
  const int watcher = program.start({"watch", std::to_string(job), "--hz", "25", "--out", "p.json"});
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  kill(watcher, SIGINT);
  EXPECT_EQ(program.finish(watcher).code, 0);
  EXPECT_EQ(program.json("p.json")["profiles"].size(), 1U);
  EXPECT_EQ(waitpid(job, nullptr, WNOHANG), 0) << "the process goes on";
  kill(job, SIGKILL);
  waitpid(job, nullptr, 0);
}

TEST(WatchCommandTest, SaysThatThereIsNoSuchProcess) {
  ProfileProgram program;
  const auto end = program.run({"watch", "4194304"});
  EXPECT_EQ(end.code, 1);
  EXPECT_NE(end.err.find("no process 4194304"), std::string::npos) << end.err;
}

}  // namespace
}  // namespace gpusched::profiler::test
