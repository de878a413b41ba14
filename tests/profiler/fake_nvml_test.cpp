#include <cstdlib>
#include <fstream>

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "gpusched/base/philox.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/model/mig_lattice.hpp"

#include "profiler/fake_nvml/mig_api.hpp"
#include "temporary_folder.hpp"

namespace gpusched::nvml {
namespace {

/// The double, called by the names that clients look up.
class FakeNvmlTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_ / "script.json") << R"({"gpus": [{"model": "H100-80GB-SXM5", "mig": true}]})";
    setenv("GPUSCHED_FAKE_NVML", (folder_ / "script.json").c_str(), 1);
    handle_ = dlopen(GPUSCHED_FAKE_NVML, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << dlerror();
    ASSERT_EQ(call<nvmlReturn_t()>("nvmlInit_v2")(), NVML_SUCCESS);
    ASSERT_EQ((call<nvmlReturn_t(unsigned, nvmlDevice_t*)>("nvmlDeviceGetHandleByIndex_v2")(0, &device_)),
              NVML_SUCCESS);
  }
  void TearDown() override {
    call<nvmlReturn_t()>("nvmlShutdown")();
    dlclose(handle_);
    unsetenv("GPUSCHED_FAKE_NVML");
  }

  template <typename Function>
  Function* call(const char* name) const {
    auto* const function = reinterpret_cast<Function*>(dlsym(handle_, name));
    GPUSCHED_CHECK(function != nullptr, name);
    return function;
  }

  gpusched::test::TemporaryFolder folder_;
  void* handle_ = nullptr;
  nvmlDevice_t device_ = nullptr;
};

struct Instance {
  nvmlGpuInstance_t handle;
  int placement;
};

/// Creations and destructions at random: NVML's answers are the lattice's, and capacities what the lattice has left.
TEST_F(FakeNvmlTest, TakesAndRefusesWhatTheLatticeDoes) {
  const GpuModelId model = find_gpu_model("H100-80GB-SXM5").value();
  const MigLattice& lattice = MigLattice::of(model);
  const auto create = call<nvmlReturn_t(nvmlDevice_t, unsigned, const nvmlGpuInstancePlacement_t*, nvmlGpuInstance_t*)>(
      "nvmlDeviceCreateGpuInstanceWithPlacement");
  const auto destroy = call<nvmlReturn_t(nvmlGpuInstance_t)>("nvmlGpuInstanceDestroy");
  const auto info_of =
      call<nvmlReturn_t(nvmlDevice_t, unsigned, nvmlGpuInstanceProfileInfo_t*)>("nvmlDeviceGetGpuInstanceProfileInfo");
  // The plain profiles: 1, 2, 3, 4, 7 slices and one slice with double memory.
  std::vector<std::pair<unsigned, int>> profiles;
  for (const auto& [number, name] : {std::pair{0U, "1g.10gb"},
                                     {1U, "2g.20gb"},
                                     {2U, "3g.40gb"},
                                     {3U, "4g.40gb"},
                                     {4U, "7g.80gb"},
                                     {9U, "1g.20gb"}}) {
    nvmlGpuInstanceProfileInfo_t info{};
    ASSERT_EQ(info_of(device_, number, &info), NVML_SUCCESS) << name;
    const MigProfileId profile = find_mig_profile(model, name).value();
    EXPECT_EQ(info.memorySizeMB, static_cast<unsigned long long>(*gpu_model(model).profiles[profile.value].memory_mib));
    profiles.emplace_back(info.id, lattice.shape_of(profile));
  }
  Philox random(7, StreamPurpose::request);
  MigLattice::StateId state = 0;
  std::vector<Instance> instances;
  int created = 0, refused = 0;
  for (int step = 0; step < 3000; ++step) {
    if (!instances.empty() && random.next_below(3) == 0) {
      const auto chosen = instances.begin() +
                          static_cast<std::ptrdiff_t>(random.next_below(static_cast<std::uint32_t>(instances.size())));
      ASSERT_EQ(destroy(chosen->handle), NVML_SUCCESS);
      EXPECT_EQ(destroy(chosen->handle), NVML_ERROR_INVALID_ARGUMENT) << "it is gone";
      state = lattice.after_destroy(state, chosen->placement);
      instances.erase(chosen);
      continue;
    }
    const auto& [id, shape] = profiles[random.next_below(static_cast<std::uint32_t>(profiles.size()))];
    const auto start = random.next_below(8);
    int placement = -1;
    for (std::size_t i = 0; i < lattice.placements().size(); ++i) {
      const MigPlacement& place = lattice.placements()[i];
      placement =
          place.shape == shape && place.range.start == static_cast<int>(start) ? static_cast<int>(i) : placement;
    }
    const nvmlGpuInstancePlacement_t wanted{start, 0};
    nvmlGpuInstance_t instance{};
    const nvmlReturn_t code = create(device_, id, &wanted, &instance);
    const MigLattice::StateId next = placement < 0 ? MigLattice::no_state : lattice.after_create(state, placement);
    if (next == MigLattice::no_state) {
      ASSERT_EQ(code, placement < 0 ? NVML_ERROR_INVALID_ARGUMENT : NVML_ERROR_INSUFFICIENT_RESOURCES);
      ++refused;
    } else {
      ASSERT_EQ(code, NVML_SUCCESS);
      instances.push_back({instance, placement});
      state = next;
      ++created;
    }
  }
  EXPECT_GT(created, 300);
  EXPECT_GT(refused, 300);
}

TEST_F(FakeNvmlTest, TheModeStaysWhileInstancesExist) {
  const auto set = call<nvmlReturn_t(nvmlDevice_t, unsigned, nvmlReturn_t*)>("nvmlDeviceSetMigMode");
  const auto create = call<nvmlReturn_t(nvmlDevice_t, unsigned, nvmlGpuInstance_t*)>("nvmlDeviceCreateGpuInstance");
  nvmlReturn_t status = NVML_ERROR_UNKNOWN;
  nvmlGpuInstance_t instance{};
  ASSERT_EQ(create(device_, 19, &instance), NVML_SUCCESS);
  ASSERT_EQ(set(device_, 0, &status), NVML_SUCCESS);
  EXPECT_EQ(status, NVML_ERROR_IN_USE);
  ASSERT_EQ(call<nvmlReturn_t(nvmlGpuInstance_t)>("nvmlGpuInstanceDestroy")(instance), NVML_SUCCESS);
  ASSERT_EQ(set(device_, 0, &status), NVML_SUCCESS);
  EXPECT_EQ(status, NVML_SUCCESS);
  EXPECT_EQ(create(device_, 19, &instance), NVML_ERROR_NOT_SUPPORTED) << "MIG is off";
}

}  // namespace
}  // namespace gpusched::nvml
