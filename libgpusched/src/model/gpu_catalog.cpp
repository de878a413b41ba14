#include "gpusched/model/gpu_catalog.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

#include "gpusched/base/check.hpp"

#include "model/gpu_catalog_rows.hpp"

namespace gpusched {

namespace detail {

std::vector<MigProfile> seven_slice_profiles(const SevenSlice& part) {
  // nvidia-smi mig -lgipp prints the same starts on every seven-slice part; the double-memory 1g may start at 6, 2g
  // not.
  const std::array<MigProfile, 6> shapes{{
      {.compute_slices = 1, .memory_units = 1, .starts = {0, 1, 2, 3, 4, 5, 6}, .max_instances = 7},
      {.compute_slices = 1, .memory_units = 2, .starts = {0, 2, 4, 6}, .max_instances = 4},
      {.compute_slices = 2, .memory_units = 2, .starts = {0, 2, 4}, .max_instances = 3},
      {.compute_slices = 3, .memory_units = 4, .starts = {0, 4}, .max_instances = 2},
      {.compute_slices = 4, .memory_units = 4, .starts = {0}, .max_instances = 1},
      {.compute_slices = 7, .memory_units = 8, .starts = {0}, .max_instances = 1},
  }};
  const auto fill = [&](std::size_t shape, std::string_view name, const Engines& engines) {
    MigProfile profile = shapes[shape];
    profile.name = name;
    profile.memory_mib = part.memory_mib[shape];
    profile.sm_count = part.sm_count[shape];
    profile.copy_engines = engines.copy;
    profile.nvdec = engines.nvdec;
    profile.nvenc = engines.nvenc;
    profile.jpeg = engines.jpeg;
    profile.ofa = engines.ofa;
    profile.confidence = part.confidence;
    profile.source = part.source;
    return profile;
  };
  std::vector<MigProfile> profiles;
  for (std::size_t shape = 0; shape < shapes.size(); ++shape) {
    profiles.push_back(fill(shape, part.names[shape], part.engines[shape]));
    if (shape == 0) {
      profiles.push_back(fill(shape, part.media_name, part.media_engines));
      profiles.back().max_instances = 1;
    }
  }
  return profiles;
}

std::vector<GpuModel> all_rows() {
  std::vector<GpuModel> rows;
  for (auto family : {ampere_rows, hopper_rows, blackwell_rows, blackwell_rtx_rows, rows_without_mig}) {
    std::vector<GpuModel> models = family();
    std::move(models.begin(), models.end(), std::back_inserter(rows));
  }
  // NVIDIA writes the label of a profile into its name; stating it twice would only let the two disagree.
  for (GpuModel& model : rows) {
    for (MigProfile& profile : model.profiles) {
      profile.media_extensions = profile.name.ends_with("+me");
      profile.all_media_extensions = profile.name.ends_with("+me.all");
      profile.no_media_extensions = profile.name.ends_with("-me");
      profile.graphics = profile.name.ends_with("+gfx");
    }
  }
  return rows;
}

}  // namespace detail

namespace {

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

/// Kubernetes resource names cannot hold '+': NVIDIA's device plugin and mig-parted write '.' for it.
bool same_kubernetes_spelling(std::string_view profile, std::string_view spelling) {
  return std::equal(profile.begin(), profile.end(), spelling.begin(), spelling.end(),
                    [](char nvidia, char kubernetes) { return (nvidia == '+' ? '.' : nvidia) == kubernetes; });
}

template <typename Rows>
std::string list_names(const Rows& rows) {
  std::string names;
  for (const auto& row : rows) {
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return names;
}

Error make_error(ErrorCode code, std::string message, std::string remedy) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

}  // namespace

std::span<const GpuModel> gpu_catalog() {
  static const std::vector<GpuModel> rows = detail::all_rows();
  return rows;
}

const GpuModel& gpu_model(GpuModelId id) {
  const std::span<const GpuModel> rows = gpu_catalog();
  GPUSCHED_CHECK(id.value < rows.size(), "no such GPU model");
  return rows[id.value];
}

Result<GpuModelId> find_gpu_model(std::string_view name) {
  const std::span<const GpuModel> rows = gpu_catalog();
  const auto find = [&](auto same) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const GpuModel& model) {
      return same(model.name, name) || std::any_of(model.aliases.begin(), model.aliases.end(),
                                                   [&](std::string_view alias) { return same(alias, name); });
    });
    return row == rows.end() ? GpuModelId{} : GpuModelId{static_cast<std::uint32_t>(row - rows.begin())};
  };
  GpuModelId id = find([](std::string_view a, std::string_view b) { return a == b; });
  if (!id.valid()) {
    id = find(same_ignoring_case);
  }
  if (!id.valid()) {
    return make_error(ErrorCode::not_found, "unknown GPU model \"" + std::string(name) + "\"",
                      "Known models: " + list_names(rows));
  }
  return id;
}

Result<MigProfileId> find_mig_profile(GpuModelId model, std::string_view profile) {
  const GpuModel& row = gpu_model(model);
  if (!row.has_lattice()) {
    return make_error(ErrorCode::unsupported,
                      "no MIG profile \"" + std::string(profile) + "\" on " + std::string(row.name),
                      std::string(row.mig_refusal));
  }
  for (std::size_t i = 0; i < row.profiles.size(); ++i) {
    if (row.profiles[i].name == profile || same_kubernetes_spelling(row.profiles[i].name, profile)) {
      return MigProfileId{static_cast<std::uint32_t>(i)};
    }
  }
  return make_error(ErrorCode::not_found,
                    std::string(row.name) + " has no MIG profile \"" + std::string(profile) + "\"",
                    "Its profiles: " + list_names(row.profiles));
}

}  // namespace gpusched
