#pragma once

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "gpusched/cluster/gpu_request.hpp"
#include "gpusched/cluster/node_spec.hpp"

namespace gpusched::sim {

/// Words of GTF for our enumerations; the empty word is the default. One array serves reader and writer.
inline constexpr std::array<std::pair<std::string_view, SharingMode>, 5> mode_names = {
    {{"", SharingMode::unstated},
     {"whole", SharingMode::whole},
     {"mig", SharingMode::mig},
     {"time_slice", SharingMode::time_slice},
     {"mps", SharingMode::mps}}};
inline constexpr std::array<std::pair<std::string_view, JobClass>, 5> class_names = {
    {{"", JobClass::unknown},
     {"always_on", JobClass::always_on},
     {"burst", JobClass::burst},
     {"batch", JobClass::batch},
     {"dev", JobClass::dev}}};
inline constexpr std::array<std::pair<std::string_view, Isolation>, 4> isolation_names = {
    {{"", Isolation::none}, {"none", Isolation::none}, {"memory", Isolation::memory}, {"fault", Isolation::fault}}};
inline constexpr std::array<std::pair<std::string_view, NodeSharing>, 5> sharing_names = {
    {{"", NodeSharing::any},
     {"exclusive", NodeSharing::exclusive},
     {"time_slice", NodeSharing::time_slice},
     {"mps", NodeSharing::mps},
     {"mig", NodeSharing::mig}}};
inline constexpr std::array<std::string_view, 4> kind_names = {"pod", "batch", "service", "session"};

template <typename Names, typename Value>
bool find_value(const Names& names, std::string_view word, Value& value) {
  const auto place = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == word; });
  if (place == names.end()) {
    return false;
  }
  value = place->second;
  return true;
}

template <typename Names, typename Value>
std::string_view find_word(const Names& names, Value value) {
  const auto place = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.second == value; });
  return place == names.end() ? std::string_view() : place->first;
}

}  // namespace gpusched::sim
