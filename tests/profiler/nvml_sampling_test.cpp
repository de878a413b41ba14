// Which GPU the suite's counters are of, on the double of NVML.

#include "gpusched/profiler/nvml_sampling.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace gpusched::profiler {
namespace {

class NvmlSamplingTest : public testing::Test {
 protected:
  suite::DeviceSampling sampling_of(const char* script, const char* visible = nullptr) {
    std::ofstream(folder_ / "script.json") << script;
    setenv("GPUSCHED_FAKE_NVML", (folder_ / "script.json").c_str(), 1);
    if (visible != nullptr) {
      setenv("CUDA_VISIBLE_DEVICES", visible, 1);
    }
    return nvml_sampling(GPUSCHED_FAKE_NVML);
  }
  void TearDown() override {
    unsetenv("GPUSCHED_FAKE_NVML");
    unsetenv("CUDA_VISIBLE_DEVICES");
  }
  static suite::FlatObject seen_by(const suite::DeviceSampling& sampling, const std::string& mig_profile = "") {
    sampling.begin(mig_profile);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    return sampling.end();
  }
  static double power_of(const suite::DeviceSampling& sampling) {
    return seen_by(sampling).number("power_w").value_or(0);
  }

  gpusched::test::TemporaryFolder folder_;
};

constexpr const char* two_gpus = R"({"gpus": [
    {"model": "H100-80GB-SXM5", "uuid": "GPU-aaaa1111", "timeline": [{"at_s": 0, "engine_active": 0.5, "power_w": 100}]},
    {"model": "H100-80GB-SXM5", "uuid": "GPU-aaaa2222", "timeline": [{"at_s": 0, "engine_active": 0.5, "power_w": 200}]}]})";

TEST_F(NvmlSamplingTest, SamplesTheGpuThatTheProcessesTake) {
  EXPECT_EQ(power_of(sampling_of(two_gpus)), 100);
  EXPECT_EQ(power_of(sampling_of(two_gpus, "1")), 200);
  EXPECT_EQ(power_of(sampling_of(two_gpus, "GPU-aaaa2222,0")), 200);
}

TEST_F(NvmlSamplingTest, SamplesNothingWhereNoGpuIsVisible) {
  const suite::DeviceSampling sampling = sampling_of(two_gpus, "7");
  EXPECT_FALSE(sampling.begin);
  EXPECT_NE(sampling.machine.text("nvml").value_or("").find("7"), std::string::npos)
      << sampling.machine.text("nvml").value_or("");
}

TEST_F(NvmlSamplingTest, WithMigOnResultsAreOfTheGpuAndCountersOfTheInstance) {
  const suite::DeviceSampling sampling = sampling_of(R"({"gpus": [{"model": "H100-80GB-SXM5", "uuid": "GPU-aaaa1111",
      "mig": true, "instances": [{"profile": "1g.10gb"}, {"profile": "1g.10gb"}, {"profile": "3g.40gb"}],
      "timeline": [{"at_s": 0, "engine_active": 0.9, "power_w": 500},
                   {"at_s": 0, "gpu_instance": 1, "engine_active": 0.25},
                   {"at_s": 0, "gpu_instance": 3, "engine_active": 0.5}]}]})");
  EXPECT_EQ(sampling.machine.flag("mig_enabled"), true);
  EXPECT_EQ(sampling.machine.text("uuid"), "aaaa1111") << "as CUDA spells it where MIG is off";
  EXPECT_EQ(sampling.machine.text("gpu"), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(sampling.mig_devices.size(), 2U) << "one instance of each profile";
  const suite::FlatObject small = seen_by(sampling, "1g.10gb");
  EXPECT_EQ(small.number("engine_active"), 0.25);
  EXPECT_FALSE(small.number("power_w")) << "the GPU's, not the instance's";
  EXPECT_EQ(seen_by(sampling, "3g.40gb").number("engine_active"), 0.5);
}

}  // namespace
}  // namespace gpusched::profiler
