#include "gpusched/model/gpu_catalog.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpusched/base/check.hpp"
#include "gpusched/model/mig_lattice.hpp"

namespace gpusched {
namespace {

using Problems = std::vector<std::string>;
using Catalog = std::vector<GpuModel>;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string_view base_name(const MigProfile& profile) {
  return profile.name.substr(0, profile.name.find_first_of("+-"));
}

bool has_complete_geometry(const GpuModel& model) {
  return model.placement_units > 0 && !model.profiles.empty() &&
         std::none_of(model.profiles.begin(), model.profiles.end(),
                      [](const MigProfile& profile) { return profile.starts.empty() || profile.memory_units <= 0; });
}

bool starts_are_legal(const GpuModel& model, const MigProfile& profile) {
  return std::is_sorted(profile.starts.begin(), profile.starts.end(), std::less_equal<>()) &&
         profile.starts.front() >= 0 && profile.starts.back() + profile.memory_units <= model.placement_units;
}

int most_disjoint(const MigProfile& profile) {
  int count = 0, end = 0;
  for (const int start : profile.starts) {
    if (start >= end) {
      ++count;
      end = start + profile.memory_units;
    }
  }
  return count;
}

void check_profile(const GpuModel& model, const MigProfile& profile, const std::function<void(const char*)>& report) {
  if (!profile.name.starts_with(std::to_string(profile.compute_slices) + "g.") ||
      profile.compute_slices > model.compute_slices) {
    report("compute slices");
  }
  if (profile.source.empty() || !profile.max_instances) {
    report("source or cap missing");
  }
  const std::optional<int> available = model.sm_count_in_mig ? model.sm_count_in_mig : model.sm_count;
  if (profile.sm_count && available && *profile.sm_count > *available) {
    report("more SMs than the GPU");
  }
  const auto base = std::find_if(model.profiles.begin(), model.profiles.end(),
                                 [&](const MigProfile& other) { return other.name == base_name(profile); });
  if (base == model.profiles.end() || base->is_label() || profile.is_label() == (profile.name == base->name)) {
    report("label without its profile, or label flags that the name does not show");
  } else if (profile.compute_slices != base->compute_slices || profile.memory_units != base->memory_units ||
             profile.starts != base->starts || profile.memory_mib != base->memory_mib ||
             profile.sm_count != base->sm_count || profile.max_instances > base->max_instances) {
    report("label differs from its profile");
  }
  if ((profile.media_extensions || profile.all_media_extensions) && profile.max_instances != 1) {
    report("more than one holder of all media engines");
  }
  if (!profile.starts.empty() && !profile.is_label() && profile.max_instances != most_disjoint(profile)) {
    report("cap differs from the placements");
  }
}

bool compute_fits_in_every_state(const GpuModel& model) {
  std::vector<MigShape> shapes;
  for (const MigProfile& profile : model.profiles) {
    shapes.push_back({profile.compute_slices, profile.memory_units, profile.starts});
  }
  const MigLattice lattice(shapes, model.placement_units, 1000);
  for (MigLattice::StateId state = 0; state < lattice.state_count(); ++state) {
    int slices = 0;
    for (std::size_t p = 0; p < lattice.placements().size(); ++p) {
      if (((lattice.placed(state) >> p) & 1U) != 0) {
        slices += lattice.shapes()[static_cast<std::size_t>(lattice.placements()[p].shape)].compute_slices;
      }
    }
    if (slices > model.compute_slices) {
      return false;
    }
  }
  return true;
}

void check_model(const GpuModel& model, const std::function<void(const char*)>& report) {
  if (model.name.empty() || model.architecture.empty() || model.source.empty()) {
    report("name, architecture or source missing");
  }
  if (model.profiles.empty() != (model.compute_slices == 0)) {
    report("profiles without compute slices, or the other way round");
  }
  std::set<std::string> names;
  for (const MigProfile& profile : model.profiles) {
    check_profile(model, profile, report);
    std::string spelling(profile.name);
    std::replace(spelling.begin(), spelling.end(), '+', '.');
    if (!names.insert(spelling).second) {
      report("profile name used twice");
    }
  }
  if (has_complete_geometry(model) == !model.mig_refusal.empty()) {
    report("refusal with complete geometry, or neither");
  }
  if (!has_complete_geometry(model)) {
    return;
  }
  if (!std::all_of(model.profiles.begin(), model.profiles.end(),
                   [&](const MigProfile& profile) { return starts_are_legal(model, profile); })) {
    report("illegal starts");
  } else if (!compute_fits_in_every_state(model)) {
    report("placements allow more compute than the GPU has");
  }
}

/// What every row must satisfy; one line per breach.
Problems contract_problems(std::span<const GpuModel> catalog) {
  Problems problems;
  std::set<std::string> names;
  for (const GpuModel& model : catalog) {
    const auto report = [&](const char* what) { problems.push_back(std::string(model.name) + ": " + what); };
    check_model(model, report);
    std::vector<std::string_view> all = model.aliases;
    all.push_back(model.name);
    for (const std::string_view name : all) {
      if (!names.insert(lower(name)).second) {
        report("name or alias used twice");
      }
    }
  }
  return problems;
}

TEST(GpuCatalogTest, EveryRowKeepsTheContract) { EXPECT_EQ(contract_problems(gpu_catalog()), Problems{}); }

TEST(GpuCatalogTest, ContractFindsEveryPlantedFault) {
  using Fault = std::pair<const char*, std::function<void(GpuModel&)>>;
  const std::vector<Fault> faults{
      {"H100-80GB-SXM5: illegal starts",
       [](GpuModel& m) {
         std::swap(m.profiles[0].starts[0], m.profiles[0].starts[1]);
         m.profiles[1].starts = m.profiles[0].starts;
       }},
      {"H100-80GB-SXM5: illegal starts", [](GpuModel& m) { m.placement_units = 7; }},
      {"H100-80GB-SXM5: placements allow more compute than the GPU has",
       [](GpuModel& m) {
         m.profiles[5].starts = {0, 4};
       }},
      {"H100-80GB-SXM5: profile name used twice", [](GpuModel& m) { m.profiles[3].name = m.profiles[2].name; }},
      {"H100-80GB-SXM5: compute slices", [](GpuModel& m) { m.profiles[4].compute_slices = 4; }},
      {"H100-80GB-SXM5: label differs from its profile",
       [](GpuModel& m) {
         m.profiles[1].starts = {0, 1, 2};
       }},
      {"H100-80GB-SXM5: label without its profile, or label flags that the name does not show",
       [](GpuModel& m) { m.profiles[1].media_extensions = false; }},
      {"H100-80GB-SXM5: more than one holder of all media engines",
       [](GpuModel& m) { m.profiles[1].max_instances = 2; }},
      {"H100-80GB-SXM5: cap differs from the placements", [](GpuModel& m) { m.profiles[3].max_instances = 4; }},
      {"H100-80GB-SXM5: more SMs than the GPU", [](GpuModel& m) { m.profiles[6].sm_count = 133; }},
      {"H100-80GB-SXM5: refusal with complete geometry, or neither", [](GpuModel& m) { m.mig_refusal = "no"; }},
      {"H100-80GB-SXM5: refusal with complete geometry, or neither", [](GpuModel& m) { m.profiles[6].starts.clear(); }},
      {"H100-80GB-SXM5: profiles without compute slices, or the other way round",
       [](GpuModel& m) {
         m.profiles.clear();
         m.mig_refusal = "no";
       }},
      {"H100-80GB-SXM5: name or alias used twice", [](GpuModel& m) { m.aliases.push_back("a100-80gb"); }},
      {"H100-80GB-SXM5: name, architecture or source missing", [](GpuModel& m) { m.source = ""; }},
      {"H100-80GB-SXM5: source or cap missing", [](GpuModel& m) { m.profiles[2].max_instances.reset(); }},
  };
  for (const auto& [expected, plant] : faults) {
    Catalog catalog{gpu_model(find_gpu_model("A100-80GB").value()),
                    gpu_model(find_gpu_model("H100-80GB-SXM5").value())};
    ASSERT_EQ(contract_problems(catalog), Problems{});
    plant(catalog[1]);
    const Problems problems = contract_problems(catalog);
    EXPECT_NE(std::find(problems.begin(), problems.end(), expected), problems.end()) << expected;
  }
}

TEST(GpuCatalogTest, ModelsAreFoundByNameAliasAndAnyCase) {
  const GpuModelId h100 = find_gpu_model("H100-80GB-SXM5").value();
  EXPECT_EQ(gpu_model(h100).name, "H100-80GB-SXM5");
  EXPECT_EQ(find_gpu_model("NVIDIA H100 80GB HBM3").value(), h100);
  EXPECT_EQ(find_gpu_model("NVIDIA-H100-80GB-HBM3").value(), h100);
  EXPECT_EQ(find_gpu_model("h100-80gb-sxm5").value(), h100);
  EXPECT_EQ(gpu_model(find_gpu_model("V100M16").value()).name, "V100-16GB");
  EXPECT_EQ(gpu_model(find_gpu_model("V100M32").value()).name, "V100-32GB");
  EXPECT_EQ(gpu_model(find_gpu_model("T4").value()).name, "T4-16GB");
}

TEST(GpuCatalogTest, EveryNameAndAliasFindsItsOwnRow) {
  for (std::uint32_t i = 0; i < gpu_catalog().size(); ++i) {
    const GpuModel& model = gpu_catalog()[i];
    EXPECT_EQ(find_gpu_model(model.name).value(), GpuModelId{i});
    for (const std::string_view alias : model.aliases) {
      EXPECT_EQ(find_gpu_model(alias).value(), GpuModelId{i}) << alias;
    }
  }
}

TEST(GpuCatalogTest, UnknownModelIsNamedAndTheKnownOnesListed) {
  const Result<GpuModelId> result = find_gpu_model("H100-81GB");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_NE(result.error().to_string().find("\"H100-81GB\""), std::string::npos);
  for (const GpuModel& model : gpu_catalog()) {
    EXPECT_NE(result.error().to_string().find(model.name), std::string::npos) << model.name;
  }
}

TEST(GpuCatalogTest, ProfilesAreFoundInBothSpellings) {
  const GpuModelId a100 = find_gpu_model("A100-80GB").value();
  EXPECT_EQ(find_mig_profile(a100, "1g.10gb+me").value(), find_mig_profile(a100, "1g.10gb.me").value());
  const GpuModelId rtx = find_gpu_model("RTX-PRO-6000-Blackwell-96GB").value();
  EXPECT_EQ(find_mig_profile(rtx, "1g.24gb.me.all").value(), find_mig_profile(rtx, "1g.24gb+me.all").value());
  EXPECT_NE(find_mig_profile(rtx, "1g.24gb-me").value(), find_mig_profile(rtx, "1g.24gb+me").value());
  for (const GpuModel& model : gpu_catalog()) {
    const GpuModelId id = find_gpu_model(model.name).value();
    for (std::uint32_t i = 0; model.has_lattice() && i < model.profiles.size(); ++i) {
      EXPECT_EQ(find_mig_profile(id, model.profiles[i].name).value(), MigProfileId{i}) << model.name;
    }
  }
}

TEST(GpuCatalogTest, UnknownProfileListsTheProfilesOfTheModel) {
  const Result<MigProfileId> result = find_mig_profile(find_gpu_model("A30-24GB").value(), "3g.20gb");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_EQ(result.error().to_string(),
            "A30-24GB has no MIG profile \"3g.20gb\". Its profiles: 1g.6gb, 1g.6gb+me, 2g.12gb, 2g.12gb+me, 4g.24gb");
}

TEST(GpuCatalogTest, RefusedModelSaysWhyAndWhatWouldChangeIt) {
  const Result<MigProfileId> t4 = find_mig_profile(find_gpu_model("T4").value(), "1g.5gb");
  ASSERT_FALSE(t4.ok());
  EXPECT_EQ(t4.error().code, ErrorCode::unsupported);
  EXPECT_EQ(t4.error().to_string(), "no MIG profile \"1g.5gb\" on T4-16GB. T4 has no MIG");
  const Result<MigProfileId> rtx = find_mig_profile(find_gpu_model("RTX-PRO-4500-Blackwell-32GB").value(), "1g.16gb");
  ASSERT_FALSE(rtx.ok());
  EXPECT_EQ(rtx.error().code, ErrorCode::unsupported);
  EXPECT_NE(rtx.error().to_string().find("nvidia-smi mig -lgipp"), std::string::npos);
}

TEST(GpuCatalogTest, UndisclosedModelsHaveUnknownMemory) {
  for (const char* name : {"G2", "G3"}) {
    const GpuModel& model = gpu_model(find_gpu_model(name).value());
    EXPECT_FALSE(model.memory_mib.has_value());
    EXPECT_EQ(model.confidence, Confidence::low);
    EXPECT_FALSE(model.has_lattice());
  }
}

TEST(GpuCatalogTest, LabelsFollowFromNvidiasNames) {
  const GpuModelId id = find_gpu_model("RTX-PRO-6000-Blackwell-96GB").value();
  const auto profile = [&](const char* name) {
    return gpu_model(id).profiles[find_mig_profile(id, name).value().value];
  };
  EXPECT_TRUE(profile("1g.24gb+me").media_extensions);
  EXPECT_FALSE(profile("1g.24gb+me.all").media_extensions);
  EXPECT_TRUE(profile("1g.24gb+me.all").all_media_extensions);
  EXPECT_TRUE(profile("2g.48gb-me").no_media_extensions);
  EXPECT_TRUE(profile("4g.96gb+gfx").graphics);
  EXPECT_FALSE(profile("4g.96gb").is_label());
}

TEST(GpuCatalogTest, OnlyAmpereNeedsAResetToToggleMig) {
  for (const GpuModel& model : gpu_catalog()) {
    EXPECT_EQ(model.mig_toggle_needs_reset, model.has_lattice() && model.architecture.starts_with("Ampere"))
        << model.name;
  }
}

TEST(GpuCatalogTest, IdOutsideTheCatalogueIsABugOfTheCaller) { EXPECT_THROW(gpu_model(GpuModelId{}), InvariantError); }

}  // namespace
}  // namespace gpusched
