#include "gpusched/kube/resource_name.hpp"

#include <gtest/gtest.h>

namespace gpusched {
namespace {

TEST(ResourceNameTest, TakesKnownFormsApartAndPutsThemTogetherAgain) {
  const std::pair<const char*, GpuResource> cases[] = {
      {"nvidia.com/gpu", {}},
      {"nvidia.com/gpu.shared", {.kind = GpuResourceKind::device, .shared = true, .mig_profile = ""}},
      {"nvidia.com/mig-1g.10gb", {.kind = GpuResourceKind::mig, .shared = false, .mig_profile = "1g.10gb"}},
      {"nvidia.com/mig-1g.10gb.me", {.kind = GpuResourceKind::mig, .shared = false, .mig_profile = "1g.10gb+me"}},
      {"nvidia.com/mig-1g.24gb.me.all",
       {.kind = GpuResourceKind::mig, .shared = false, .mig_profile = "1g.24gb+me.all"}},
      {"nvidia.com/mig-4g.96gb.gfx", {.kind = GpuResourceKind::mig, .shared = false, .mig_profile = "4g.96gb+gfx"}},
      {"nvidia.com/mig-1g.24gb-me", {.kind = GpuResourceKind::mig, .shared = false, .mig_profile = "1g.24gb-me"}},
      {"nvidia.com/mig-7g.141gb.shared", {.kind = GpuResourceKind::mig, .shared = true, .mig_profile = "7g.141gb"}},
      {"nvidia.com/mig-1g.5gb.me.shared", {.kind = GpuResourceKind::mig, .shared = true, .mig_profile = "1g.5gb+me"}},
  };
  for (const auto& [name, resource] : cases) {
    const auto parsed = parse_resource_name(name);
    ASSERT_TRUE(parsed.ok()) << name << ": " << parsed.error().to_string();
    ASSERT_TRUE(parsed.value().has_value()) << name;
    EXPECT_EQ(*parsed.value(), resource) << name;
    EXPECT_EQ(resource_name(resource), name);
  }
}

TEST(ResourceNameTest, OtherVendorsAreNotOurs) {
  for (const char* const name : {"cpu", "memory", "amd.com/gpu", "nvidia.com", "ephemeral-storage", ""}) {
    const auto parsed = parse_resource_name(name);
    ASSERT_TRUE(parsed.ok()) << name;
    EXPECT_FALSE(parsed.value().has_value()) << name;
  }
}

TEST(ResourceNameTest, ComputeInstancesAreRefusedByName) {
  const auto parsed = parse_resource_name("nvidia.com/mig-1c.3g.40gb");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::unsupported);
  EXPECT_NE(parsed.error().message.find("1c.3g.40gb"), std::string::npos);
}

TEST(ResourceNameTest, AnythingElseUnderNvidiaIsRefusedWithTheKnownForms) {
  for (const char* const name :
       {"nvidia.com/", "nvidia.com/gpumem", "nvidia.com/gpucores", "nvidia.com/GPU", "nvidia.com/mig-",
        "nvidia.com/mig-1g", "nvidia.com/mig-1g.10", "nvidia.com/mig-1g.10gb.xx", "nvidia.com/mig-1g.10gb+me",
        "nvidia.com/mig-0g.10gb", "nvidia.com/mig-1g.10gb.me.gfx", "nvidia.com/mig-1g.9999gb", "nvidia.com/shared",
        "nvidia.com/.shared", "nvidia.com/gpu.shared.shared"}) {
    const auto parsed = parse_resource_name(name);
    ASSERT_FALSE(parsed.ok()) << name;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << name;
    EXPECT_NE(parsed.error().remedy.find("nvidia.com/gpu.shared"), std::string::npos) << name;
  }
}

TEST(ResourceNameTest, ProfilesReadInBothSpellings) {
  EXPECT_EQ(parse_mig_profile("1g.10gb+me").value(), "1g.10gb+me");
  EXPECT_EQ(parse_mig_profile("1g.10gb.me").value(), "1g.10gb+me");
  EXPECT_EQ(parse_mig_profile("1c.1g.10gb").error().code, ErrorCode::unsupported);
  EXPECT_FALSE(parse_mig_profile("half").ok());
}

}  // namespace
}  // namespace gpusched
