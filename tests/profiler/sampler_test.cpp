#include "gpusched/profiler/sampler.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace gpusched::profiler {
namespace {

/// Reads the double of NVML in this process.
class SamplerTest : public testing::Test {
 protected:
  Result<nvml::Library> open(const char* script) {
    std::ofstream(folder_ / "script.json") << script;
    setenv("GPUSCHED_FAKE_NVML", (folder_ / "script.json").c_str(), 1);
    return nvml::Library::open(GPUSCHED_FAKE_NVML);
  }
  void TearDown() override { unsetenv("GPUSCHED_FAKE_NVML"); }

  gpusched::test::TemporaryFolder folder_;
};

TEST_F(SamplerTest, KeepsItsPeriodWithoutDrift) {
  const auto library = open(R"({"gpus": [{"model": "H100-80GB-SXM5",
      "timeline": [{"at_s": 0, "power_w": 300, "engine_active": 0.5, "sm_active": 0.4, "sm_occupancy": 0.3,
                    "tensor_active": 0.2, "dram_active": 0.1, "pcie_tx_mib_s": 1, "pcie_rx_mib_s": 1}]}]})");
  ASSERT_TRUE(library.ok()) << library.error().to_string();
  const auto machine = list_devices(library.value());
  ASSERT_TRUE(machine.ok());
  Sampler sampler(library.value(), all_devices(machine.value()).value(), 50, [](int) { return false; });
  sampler.start();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const Recording& recording = sampler.stop()[0];
  const auto& samples = recording.samples;
  ASSERT_GT(samples.size(), 20U);
  const double periods = static_cast<double>(samples.size() - 1) + static_cast<double>(recording.missed);
  const double took_s = static_cast<double>(samples.back().at - samples.front().at) / 1e9;
  EXPECT_NEAR(took_s / periods, 0.02, 0.0015) << samples.size() << " samples, " << recording.missed << " missed";
  std::size_t with_counters = 0;
  for (const DeviceSample& sample : samples) {
    EXPECT_EQ(sample.power_w, 300);
    with_counters += sample.engine_active.has_value();
  }
  EXPECT_GE(with_counters, 5U);
  EXPECT_LE(with_counters, samples.size() / 5) << "GPM has a window of more than 100 ms";
  EXPECT_FALSE(recording.unknown.contains("activity")) << recording.unknown.at("activity").to_string();
}

TEST_F(SamplerTest, NamesWhatADeviceDoesNotTell) {
  const auto library = open(R"({"gpus": [{"model": "A100-80GB", "timeline": [{"at_s": 0, "power_w": 300}]}]})");
  ASSERT_TRUE(library.ok());
  const auto machine = list_devices(library.value());
  Sampler sampler(library.value(), all_devices(machine.value()).value(), 20, [](int) { return false; });
  sampler.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto& unknown = sampler.stop()[0].unknown;
  EXPECT_NE(unknown.at("activity").message.find("Hopper"), std::string::npos);
  EXPECT_EQ(unknown.at("temperature_c").code, ErrorCode::unsupported);
  EXPECT_FALSE(unknown.contains("power_w"));
}

TEST_F(SamplerTest, SelectsDevicesAsCudaDoes) {
  const auto library = open(R"({"gpus": [
      {"model": "H100-80GB-SXM5", "uuid": "GPU-aaaa1111"}, {"model": "H100-80GB-SXM5", "uuid": "GPU-aaaa2222"},
      {"model": "A100-80GB", "mig": true, "instances": [{"profile": "1g.10gb"}, {"profile": "2g.20gb"}]}]})");
  ASSERT_TRUE(library.ok()) << library.error().to_string();
  const Machine machine = list_devices(library.value()).value();
  EXPECT_EQ(select_devices(machine, "1,GPU-aaaa1").value().at(1).uuid, "GPU-aaaa1111");
  EXPECT_EQ(select_devices(machine, "2").value().at(0).instance->profile, "1g.10gb") << "the one that CUDA takes";
  const std::string second = machine.gpus[2].instances[1].uuid;
  EXPECT_EQ(select_devices(machine, second).value().at(0).instance->profile, "2g.20gb");
  EXPECT_EQ(all_devices(machine).value().size(), 3U);
  for (const char* wrong : {"3", "-1", "GPU-aaaa", "GPU-x", "MIG-x", "1x", "x", "", ","}) {
    const auto devices = select_devices(machine, wrong);
    ASSERT_FALSE(devices.ok()) << wrong;
    EXPECT_NE(devices.error().remedy.find("GPU-aaaa2222"), std::string::npos) << wrong;
  }
}

}  // namespace
}  // namespace gpusched::profiler
