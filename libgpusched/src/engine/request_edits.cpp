#include "engine/request_edits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "gpusched/base/units.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

/// Nobody states more; the choice of mode takes it as any.
constexpr std::int64_t most_slowdown_milli = 1000 * milli_per_unit;
constexpr std::int64_t most_memory_mib = std::int64_t{1} << 20;

// Ranks of words beside relative edits of numbers in thousandths: who else may be near, what stands between, what kind
// of job it is, where it may run, and last the choice itself taken away.
constexpr std::int64_t trust_size = 400, isolation_size = 600, place_size = 700, class_size = 800, mode_size = 1000;

template <typename T, std::size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;
constexpr Names<Isolation, 3> isolations = {
    {{"none", Isolation::none}, {"memory", Isolation::memory}, {"fault", Isolation::fault}}};
constexpr Names<JobClass, 5> classes = {{{"unknown", JobClass::unknown},
                                         {"always_on", JobClass::always_on},
                                         {"burst", JobClass::burst},
                                         {"batch", JobClass::batch},
                                         {"dev", JobClass::dev}}};
constexpr Names<SharingMode, 5> modes = {{{"unstated", SharingMode::unstated},
                                          {"whole", SharingMode::whole},
                                          {"mig", SharingMode::mig},
                                          {"time_slice", SharingMode::time_slice},
                                          {"mps", SharingMode::mps}}};

std::string milli_text(std::int64_t milli) {
  std::string text = std::to_string(milli / milli_per_unit);
  if (milli % milli_per_unit != 0) {
    std::string digits = std::to_string(milli_per_unit + milli % milli_per_unit).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text;
}

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

std::string mib_text(std::int64_t mib) { return std::to_string(mib) + " MiB"; }

/// An edit of one integer member, from its value towards a limit.
NumberEdit member_edit(std::string field, const GpuRequest& request, std::int64_t GpuRequest::*member,
                       std::int64_t limit, std::string (*text)(std::int64_t)) {
  return {.field = std::move(field),
          .start = request.*member,
          .limit = limit,
          .from = text(request.*member),
          .apply =
              [request, member](std::int64_t value) {
                GpuRequest edited = request;
                edited.*member = value;
                return edited;
              },
          .text = text};
}

void add_slowdown_edits(const GpuRequest& request, const EditContext& context, std::vector<NumberEdit>& edits) {
  const bool stated = request.max_slowdown > 0;
  const std::int64_t now =
      stated ? std::clamp(to_milli(request.max_slowdown), milli_per_unit, most_slowdown_milli) : most_slowdown_milli;
  for (const std::int64_t limit : {milli_per_unit, most_slowdown_milli}) {
    if (limit == now || (limit < now && !context.is_placed)) {
      continue;  // whoever waits tolerates more, not less
    }
    edits.push_back({.field = "max_slowdown",
                     .start = now,
                     .limit = limit,
                     .from = stated ? number_text(request.max_slowdown) : "not stated",
                     .apply =
                         [request](std::int64_t milli) {
                           GpuRequest edited = request;
                           edited.max_slowdown = static_cast<double>(milli) / static_cast<double>(milli_per_unit);
                           return edited;
                         },
                     .text = milli_text});
  }
}

void add_memory_edits(const GpuRequest& request, const EditContext& context, std::vector<NumberEdit>& edits) {
  const std::int64_t known = std::max(request.gpu_memory_mib, context.profile_memory_mib);
  NumberEdit edit = member_edit("memory", request, &GpuRequest::gpu_memory_mib, most_memory_mib, mib_text);
  if (known == 0) {
    edit.from = "not stated";
    edit.names_farthest = true;
    edits.push_back(edit);
    return;
  }
  edit.start = known;
  edit.from = mib_text(known);
  if (context.is_placed) {
    edits.push_back(edit);
  }
  edit.limit = std::max<std::int64_t>(1, context.profile_memory_mib);
  edits.push_back(edit);
}

/// Words of an enumeration that the request does not say.
template <typename T, std::size_t N>
void add_words(const char* field, const GpuRequest& request, T GpuRequest::*member, const Names<T, N>& names,
               std::int64_t size, std::vector<WordEdit>& edits) {
  const auto now =
      std::find_if(names.begin(), names.end(), [&](const auto& row) { return row.second == request.*member; });
  for (const auto& [word, value] : names) {
    if (value != request.*member && word != "unknown") {
      WordEdit edit{.field = field,
                    .from = std::string(now->first),
                    .to = std::string(word),
                    .request = request,
                    .size_milli = size};
      edit.request.*member = value;
      edits.push_back(std::move(edit));
    }
  }
}

/// Domains of the MPS servers that run, the most frequent first.
std::vector<std::string> running_domains(const ClusterState& state) {
  std::map<std::string, std::int64_t> count;
  for (std::uint32_t id = 0; id < state.nodes().size(); ++id) {
    const Node& node = state.nodes()[id];
    for (std::size_t gpu = 0; gpu < node.state.gpus.size(); ++gpu) {
      const auto tenants = state.tenants(NodeId{id}, static_cast<std::uint16_t>(gpu));
      if (!node.removed && node.state.gpus[gpu].sharing == PartitionSharing::mps && !tenants.empty()) {
        ++count[state.request(tenants[0]).trust_domain];
      }
    }
  }
  std::vector<std::string> domains;
  for (const auto& [domain, gpus] : count) {
    domains.push_back(domain);
  }
  std::stable_sort(domains.begin(), domains.end(),
                   [&](const std::string& a, const std::string& b) { return count[a] > count[b]; });
  return domains;
}

void add_trust_domains(const ClusterState& state, const GpuRequest& request, std::vector<WordEdit>& edits) {
  constexpr std::size_t most_domains = 3;
  std::vector<std::string> domains = running_domains(state);
  std::string own = "own";
  while (std::find(domains.begin(), domains.end(), own) != domains.end()) {
    own += "-";
  }
  domains.resize(std::min(domains.size(), most_domains));
  domains.push_back(own);  // an MPS server with nobody else
  domains.emplace_back();
  for (const std::string& domain : domains) {
    if (domain != request.trust_domain) {
      WordEdit edit{.field = "trust_domain",
                    .from = request.trust_domain.empty() ? "none" : request.trust_domain,
                    .to = domain.empty() ? "none" : domain,
                    .request = request,
                    .size_milli = trust_size};
      edit.request.trust_domain = domain;
      edits.push_back(std::move(edit));
    }
  }
}

/// Other profiles of the models that the cluster has.
void add_profiles(const ClusterState& state, const GpuRequest& request, std::vector<WordEdit>& edits) {
  std::set<std::string> names;
  for (std::uint32_t shape = 0; shape < state.shapes().size(); ++shape) {
    for (const GpuSpec& gpu : state.shapes()[shape].gpus) {
      for (const MigProfile& profile : gpu_model(gpu.model).profiles) {
        names.insert(std::string(profile.name));
      }
    }
  }
  names.erase(request.mig_profile);
  for (const std::string& name : names) {
    WordEdit edit{
        .field = "mig_profile", .from = request.mig_profile, .to = name, .request = request, .size_milli = place_size};
    edit.request.mig_profile = name;
    edits.push_back(std::move(edit));
  }
}

}  // namespace

std::vector<NumberEdit> number_edits(const ClusterState& state, const GpuRequest& request, const EditContext& context) {
  std::vector<NumberEdit> edits;
  if (context.chooses_mode) {
    add_slowdown_edits(request, context, edits);
  }
  if (request.num_gpu > 0 && (context.chooses_mode || request.gpu_memory_mib > 0)) {
    add_memory_edits(request, context, edits);
  }
  if (context.is_placed) {
    return edits;  // with less CPU it would have the same place
  }
  edits.push_back(
      member_edit("cpu", request, &GpuRequest::cpu_milli, 0, [](std::int64_t milli) { return milli_text(milli); }));
  edits.push_back(member_edit("host_memory", request, &GpuRequest::memory_mib, 0, mib_text));
  if (request.num_gpu > 0 && request.gpu_milli < milli_per_unit) {
    edits.push_back({.field = "gpu_share",
                     .start = request.gpu_milli,
                     .limit = 1,
                     .from = milli_text(request.gpu_milli),
                     .apply =
                         [request](std::int64_t milli) {
                           GpuRequest edited = request;
                           edited.gpu_milli = static_cast<std::int32_t>(milli);
                           return edited;
                         },
                     .text = milli_text});
  }
  const auto held = state.held_by_priority();
  if (!held.empty() && held.back().first >= request.priority) {
    edits.push_back({.field = "priority",
                     .start = request.priority,
                     .limit = std::int64_t{held.back().first} + 1,
                     .from = std::to_string(request.priority),
                     .apply =
                         [request](std::int64_t priority) {
                           GpuRequest edited = request;
                           edited.priority = static_cast<std::int32_t>(priority);
                           return edited;
                         },
                     .text = [](std::int64_t priority) { return std::to_string(priority); }});
  }
  return edits;
}

std::vector<WordEdit> word_edits(const ClusterState& state, const GpuRequest& request, const EditContext& context) {
  std::vector<WordEdit> edits;
  if (context.chooses_mode) {
    add_trust_domains(state, request, edits);
    add_words("isolation", request, &GpuRequest::isolation, isolations, isolation_size, edits);
    add_words("class", request, &GpuRequest::job_class, classes, class_size, edits);
    add_words("mode", request, &GpuRequest::mode, modes, mode_size, edits);
    // Without class, profile and limit it would be another kind of request, which no mode is chosen for.
    std::erase_if(edits, [](const WordEdit& edit) { return !states_intent(edit.request); });
  }
  if (!request.mig_profile.empty() && !context.is_placed) {
    add_profiles(state, request, edits);
  }
  if (!request.gpu_models.empty()) {
    WordEdit edit{.field = "gpu_models", .from = "listed", .to = "any", .request = request, .size_milli = place_size};
    edit.request.gpu_models.clear();
    edits.push_back(std::move(edit));
  }
  if (!request.node_labels.empty()) {
    WordEdit edit{
        .field = "node_labels", .from = "required", .to = "any", .request = request, .size_milli = place_size};
    edit.request.node_labels.clear();
    edits.push_back(std::move(edit));
  }
  return edits;
}

}  // namespace gpusched
