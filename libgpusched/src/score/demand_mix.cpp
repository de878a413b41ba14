#include "gpusched/score/demand_mix.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace gpusched {

namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : "|") + name;
  }
  return text;
}

}  // namespace

std::int64_t DemandMix::total_count() const {
  std::int64_t sum = 0;
  for (const DemandClass& entry : classes) {
    sum += entry.count;
  }
  return sum;
}

DemandMix typical_classes(const DemandMix& mix, int percent) {
  using Key = std::tuple<std::int64_t, std::int32_t, std::int32_t, std::string>;
  std::map<Key, DemandClass> groups;
  for (const DemandClass& entry : mix.classes) {
    const GpuRequest& request = entry.request;
    DemandClass& group = groups[{request.cpu_milli, request.gpu_milli, request.num_gpu, joined(request.gpu_models)}];
    group.request = request;
    group.request.memory_mib = 0;
    group.count += entry.count;
  }
  std::vector<std::pair<Key, DemandClass>> order(groups.begin(), groups.end());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.count != b.second.count ? a.second.count > b.second.count : a.first > b.first;
  });
  DemandMix typical;
  const std::int64_t total = mix.total_count();
  typical.population = total;
  std::int64_t covered = 0;
  for (const auto& [key, group] : order) {
    if (covered * 100 >= total * percent) {
      break;
    }
    covered += group.count;
    typical.classes.push_back(group);
  }
  return typical;
}

}  // namespace gpusched
