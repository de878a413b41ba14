#include "report/gpu_map_builder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <tuple>

namespace gpusched::sim {

namespace {

/// Reads a number off the front; false where there is none.
bool take_number(std::string_view& text, std::int32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

bool take_part(std::string_view& text, HeldPart& part) {
  if (!take_number(text, part.gpu)) {
    return false;
  }
  if (take(text, ':')) {
    return take_number(text, part.size);
  }
  return take(text, '@') && take_number(text, part.start) && take(text, '+') && take_number(text, part.size);
}

/// The first characters of a name. Bytes that are no UTF-8 do not make it longer than that.
std::string shortened(std::string_view name, std::size_t most_characters) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool continues = (static_cast<unsigned char>(name[i]) & 0xc0U) == 0x80U;
    characters += continues ? 0 : 1;
    if (characters > most_characters || i >= 4 * most_characters) {
      return std::string(name.substr(0, i)) + "\xe2\x80\xa6";  // an ellipsis
    }
  }
  return std::string(name);
}

std::int64_t gpus_of(std::span<const GpuMap::Node> nodes) {
  std::int64_t sum = 0;
  for (const GpuMap::Node& node : nodes) {
    sum += node.gpus;
  }
  return sum;
}

}  // namespace

bool parse_held_parts(std::string_view text, std::vector<HeldPart>& parts) {
  parts.clear();
  while (!text.empty()) {
    if (!take_part(text, parts.emplace_back())) {
      return false;
    }
    if (!text.empty() && (!take(text, '|') || text.empty())) {
      return false;
    }
  }
  return true;
}

std::span<const std::string_view> map_modes() {
  static constexpr std::array<std::string_view, 6> modes = {"whole",      "share", "mig",
                                                            "time_slice", "mps",   "time_sliced_mig"};
  return modes;
}

GpuMapBuilder::GpuMapBuilder(std::vector<GpuMap::Node> nodes, double span_s, const ReportLimits& limits)
    : limits_(limits), span_s_(span_s), place_of_node_(nodes.size(), hidden) {
  map_.all_gpus = gpus_of(nodes);
  map_.steps = limits.map_steps;
  map_.modes.assign(map_modes().begin(), map_modes().end());
  choose_nodes(nodes);
}

void GpuMapBuilder::choose_nodes(const std::vector<GpuMap::Node>& nodes) {
  std::vector<std::uint32_t> with_gpus;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].gpus > 0) {
      with_gpus.push_back(i);
    }
  }
  map_.all_nodes = static_cast<std::int64_t>(with_gpus.size());
  const auto most_gpus = static_cast<std::int64_t>(limits_.map_gpus);
  // Every node has a GPU, so more nodes than that are never shown.
  for (std::size_t count = std::min(with_gpus.size(), limits_.map_gpus); count > 0; --count) {
    map_.nodes.clear();
    for (std::size_t i = 0; i < count; ++i) {
      map_.nodes.push_back(nodes[with_gpus[i * with_gpus.size() / count]]);
    }
    if (gpus_of(map_.nodes) > most_gpus && count > 1) {
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      place_of_node_[with_gpus[i * with_gpus.size() / count]] = static_cast<std::uint32_t>(i);
    }
    break;
  }
  for (GpuMap::Node& node : map_.nodes) {
    node.gpus = static_cast<std::int32_t>(std::min<std::int64_t>(node.gpus, most_gpus));
    node.name = shortened(node.name, limits_.name_characters);
    node.model = shortened(node.model, limits_.name_characters);
  }
}

/// The first step at or after the time.
std::uint32_t GpuMapBuilder::step_at(double time_s) const {
  if (span_s_ <= 0) {
    return time_s > 0 ? static_cast<std::uint32_t>(limits_.map_steps) : 0;
  }
  const double step = std::ceil(time_s * static_cast<double>(limits_.map_steps - 1) / span_s_);
  return static_cast<std::uint32_t>(std::min(step, static_cast<double>(limits_.map_steps)));
}

void GpuMapBuilder::add(std::uint32_t node, std::span<const HeldPart> parts, double start_s, double end_s,
                        std::uint8_t mode, std::string_view job) {
  const std::uint32_t place = place_of_node_[node];
  GpuMap::Node& shown = map_.nodes[place];
  const std::uint32_t first_step = step_at(start_s);
  const std::uint32_t end_step = end_s > span_s_ ? static_cast<std::uint32_t>(limits_.map_steps) : step_at(end_s);
  for (const HeldPart& part : parts) {
    if (part.gpu >= shown.gpus) {
      continue;  // of a node with more GPUs than a page shows
    }
    if (first_step >= end_step) {
      ++map_.left_out;
      continue;
    }
    shown.units = std::max(shown.units, part.start >= 0 ? part.start + part.size : 0);
    map_.parts.push_back({.gpu = static_cast<std::uint32_t>(part.gpu),
                          .first_step = first_step,
                          .end_step = end_step,
                          .start_s = start_s,
                          .end_s = end_s,
                          .start = part.start,
                          .size = part.size,
                          .mode = mode,
                          .job = shortened(job, limits_.name_characters),
                          .node = place});
  }
}

/// Keeps every second node, or half of the GPUs of the last one; false where nothing is left to leave out.
bool GpuMapBuilder::halve() {
  if (map_.nodes.size() == 1 && map_.nodes[0].gpus == 1) {
    return false;
  }
  if (map_.nodes.size() == 1) {
    map_.nodes[0].gpus /= 2;
    std::erase_if(map_.parts, [&](const auto& part) { return std::cmp_greater_equal(part.gpu, map_.nodes[0].gpus); });
    return true;
  }
  std::vector<GpuMap::Node> kept;
  for (std::size_t i = 0; i < map_.nodes.size(); i += 2) {
    kept.push_back(std::move(map_.nodes[i]));
  }
  map_.nodes = std::move(kept);
  std::erase_if(map_.parts, [](const auto& part) { return part.node % 2 != 0; });
  for (GpuMap::Part& part : map_.parts) {
    part.node /= 2;
  }
  return true;
}

GpuMap GpuMapBuilder::finish() {
  while (map_.parts.size() > limits_.map_parts && halve()) {
  }
  std::vector<std::uint32_t> first_gpu;
  std::uint32_t gpus = 0;
  for (const GpuMap::Node& node : map_.nodes) {
    first_gpu.push_back(gpus);
    gpus += static_cast<std::uint32_t>(node.gpus);
  }
  for (GpuMap::Part& part : map_.parts) {
    part.gpu += first_gpu[part.node];
  }
  std::stable_sort(map_.parts.begin(), map_.parts.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.first_step, a.gpu) < std::tuple(b.first_step, b.gpu);
  });
  if (map_.parts.size() > limits_.map_parts) {
    map_.left_out += static_cast<std::int64_t>(map_.parts.size() - limits_.map_parts);
    map_.parts.resize(limits_.map_parts);
  }
  return std::move(map_);
}

}  // namespace gpusched::sim
