#include "gpusched/kube/gpu_layout_text.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

Error bad(std::string message, std::string remedy = {}) {
  return {.code = ErrorCode::invalid_argument,
          .message = std::move(message),
          .file = {},
          .line = 0,
          .remedy = std::move(remedy)};
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// "3g" -> 3; 0 for anything else.
int compute_slices(std::string_view text) {
  int slices = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), slices);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  return problem == std::errc() && rest == "g" ? slices : 0;
}

std::string starts_of(const MigProfile& profile) {
  std::string text;
  for (const std::int16_t start : profile.starts) {
    text += (text.empty() ? "" : ", ") + std::to_string(start);
  }
  return text;
}

Result<PlacedPartition> parse_instance(GpuModelId model, std::string_view part) {
  const auto at = part.find('@');
  int start = -1;
  if (at != std::string_view::npos) {
    const std::string_view digits = part.substr(at + 1);
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), start);
    if (problem != std::errc() || end != digits.data() + digits.size()) {
      start = -1;
    }
  }
  if (start < 0) {
    return bad("'" + std::string(part) + "' is no PROFILE@START", "Write instances as 1g@0,3g@4");
  }
  const Result<MigProfileId> profile = parse_profile(model, part.substr(0, at));
  if (!profile) {
    return profile.error();
  }
  const MigProfile& row = gpu_model(model).profiles[profile.value().value];
  if (std::find(row.starts.begin(), row.starts.end(), start) == row.starts.end()) {
    return bad("'" + std::string(part) + "': " + std::string(row.name) + " cannot start at " + std::to_string(start),
               "Legal starts: " + starts_of(row));
  }
  return PlacedPartition{
      .profile = profile.value(),
      .range = {.start = static_cast<std::int16_t>(start), .size = static_cast<std::int16_t>(row.memory_units)},
      .use = PartitionUse::idle,
      .pod = {}};
}

/// Gives the named instances a use. `option` says in errors where they come from.
Status mark(GpuLayout& layout, std::string_view names, PartitionUse use, const char* option) {
  const Result<std::vector<PlacedPartition>> parts = parse_instances(layout.model, names);
  if (!parts) {
    return parts.error();
  }
  for (const PlacedPartition& part : parts.value()) {
    const auto found = std::find_if(layout.partitions.begin(), layout.partitions.end(), [&](const PlacedPartition& p) {
      return p.profile == part.profile && p.range == part.range && p.use == PartitionUse::movable;
    });
    if (found == layout.partitions.end()) {
      return bad(std::string(option) + " names " + partition_name(layout.model, part.profile, part.range) +
                     ", which is not among the instances, or is named twice",
                 "List it in the layout too");
    }
    found->use = use;
    found->pod = use == PartitionUse::idle ? PodId{} : found->pod;
  }
  return {};
}

}  // namespace

Result<MigProfileId> parse_profile(GpuModelId model, std::string_view text) {
  const std::vector<MigProfile>& profiles = gpu_model(model).profiles;
  const int slices = compute_slices(text);
  MigProfileId best;
  for (std::uint32_t i = 0; slices > 0 && gpu_model(model).has_lattice() && i < profiles.size(); ++i) {
    const bool matches = profiles[i].compute_slices == slices && !profiles[i].is_label();
    if (matches && (!best.valid() || profiles[i].memory_units < profiles[best.value].memory_units)) {
      best = MigProfileId{i};
    }
  }
  return best.valid() ? Result<MigProfileId>(best) : find_mig_profile(model, text);
}

Result<std::vector<PlacedPartition>> parse_instances(GpuModelId model, std::string_view text) {
  GpuLayout layout;
  layout.model = model;
  while (!trimmed(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const Result<PlacedPartition> part = parse_instance(model, trimmed(text.substr(0, comma)));
    if (!part) {
      return part.error();
    }
    layout.partitions.push_back(part.value());
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  layout.sort();
  if (const auto state = lattice_state(layout); !state) {
    return state.error();
  }
  return std::move(layout.partitions);
}

Result<GpuLayout> parse_gpu_layout(GpuModelId model, std::string_view instances, std::string_view pinned,
                                   std::string_view idle) {
  Result<std::vector<PlacedPartition>> parts = parse_instances(model, instances);
  if (!parts) {
    return parts.error();
  }
  GpuLayout layout;
  layout.node = NodeId{0};
  layout.model = model;
  layout.partitions = std::move(parts).value();
  std::uint32_t pod = 0;
  for (PlacedPartition& part : layout.partitions) {
    part.use = PartitionUse::movable;
    part.pod = PodId{pod++};
  }
  if (const Status marked = mark(layout, pinned, PartitionUse::pinned, "pinned"); !marked) {
    return marked.error();
  }
  if (const Status marked = mark(layout, idle, PartitionUse::idle, "idle"); !marked) {
    return marked.error();
  }
  return layout;
}

}  // namespace gpusched
