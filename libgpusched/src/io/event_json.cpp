#include "event_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::io {

namespace {

constexpr std::array<const char*, 5> sharing_names = {"any", "exclusive", "time_slice", "mps", "mig"};
constexpr std::array<const char*, 5> mode_names = {"", "whole", "mig", "time_slice", "mps"};
constexpr std::array<const char*, 5> class_names = {"", "always_on", "burst", "batch", "dev"};
constexpr std::array<const char*, 3> partition_sharing_names = {"exclusive", "time_slice", "mps"};
constexpr std::array<const char*, 2> actuation_names = {"per_instance", "drain_gpu"};
constexpr std::array<const char*, 3> isolation_names = {"none", "memory", "fault"};

template <typename Enum, std::size_t n>
bool enum_from(const std::array<const char*, n>& names, const std::string& text, Enum& value) {
  for (std::size_t i = 0; i < n; ++i) {
    if (text == names[i]) {
      value = static_cast<Enum>(i);
      return true;
    }
  }
  return false;
}

Error malformed(const std::string& what) {
  return {.code = ErrorCode::data_loss, .message = what, .file = {}, .line = 0, .remedy = {}};
}

Json pairs_to_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json json = Json::object();
  for (const auto& [key, value] : pairs) {
    json[key] = value;
  }
  return json;
}

std::vector<std::pair<std::string, std::string>> pairs_from_json(const Json& json) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : json.items()) {
    pairs.emplace_back(key, value.get<std::string>());
  }
  return pairs;
}

void add_mode(Json& entry, const Decision& decision) {
  if (const ModeVerdict* mode = mode_of(decision)) {
    entry["mode"] = to_string(mode->mode);
    entry["slowdown_milli"] = mode->slowdown_milli;
    entry["setup_ns"] = mode->setup_ns;
  }
}

}  // namespace

Json to_json(const GpuRequest& r) {
  Json json;
  json["cpu_milli"] = r.cpu_milli;
  json["memory_mib"] = r.memory_mib;
  json["num_gpu"] = r.num_gpu;
  json["gpu_milli"] = r.gpu_milli;
  // Only what is stated, so that lines stay short.
  if (r.gpu_memory_mib != 0) json["gpu_memory_mib"] = r.gpu_memory_mib;
  if (!r.mig_profile.empty()) json["mig_profile"] = r.mig_profile;
  if (r.mode != SharingMode::unstated) json["mode"] = mode_names[static_cast<std::size_t>(r.mode)];
  if (!r.gpu_models.empty()) json["gpu_models"] = r.gpu_models;
  if (!r.node_labels.empty()) json["node_labels"] = pairs_to_json(r.node_labels);
  if (r.priority != 0) json["priority"] = r.priority;
  if (!r.preemptible) json["preemptible"] = false;
  if (r.job_class != JobClass::unknown) json["class"] = class_names[static_cast<std::size_t>(r.job_class)];
  if (r.isolation != Isolation::none) json["isolation"] = isolation_names[static_cast<std::size_t>(r.isolation)];
  if (r.max_slowdown != 0) json["max_slowdown"] = r.max_slowdown;
  if (!r.job_profile.empty()) json["job_profile"] = r.job_profile;
  if (!r.trust_domain.empty()) json["trust_domain"] = r.trust_domain;
  return json;
}

Result<GpuRequest> request_from_json(const Json& json) {
  GpuRequest r;
  r.cpu_milli = json.at("cpu_milli").get<std::int64_t>();
  r.memory_mib = json.at("memory_mib").get<std::int64_t>();
  r.num_gpu = json.at("num_gpu").get<std::int32_t>();
  r.gpu_milli = json.at("gpu_milli").get<std::int32_t>();
  r.gpu_memory_mib = json.value("gpu_memory_mib", std::int64_t{0});
  r.mig_profile = json.value("mig_profile", "");
  r.gpu_models = json.value("gpu_models", std::vector<std::string>{});
  r.node_labels = json.contains("node_labels") ? pairs_from_json(json["node_labels"]) : decltype(r.node_labels){};
  r.priority = json.value("priority", 0);
  r.preemptible = json.value("preemptible", true);
  r.max_slowdown = json.value("max_slowdown", 0.0);
  r.job_profile = json.value("job_profile", "");
  r.trust_domain = json.value("trust_domain", "");
  if (!enum_from(mode_names, json.value("mode", ""), r.mode) ||
      !enum_from(class_names, json.value("class", ""), r.job_class) ||
      !enum_from(isolation_names, json.value("isolation", "none"), r.isolation)) {
    return malformed("request with an unknown mode, class or isolation: " + json.dump());
  }
  if (r.num_gpu < 0 || r.num_gpu > 4096 || r.gpu_milli < 0 || r.gpu_milli > 1000 || r.cpu_milli < 0 ||
      r.memory_mib < 0 || r.gpu_memory_mib < 0 || (r.num_gpu > 0 && r.gpu_milli == 0)) {
    return malformed("request out of range: " + json.dump());
  }
  return r;
}

Json to_json(const NodeSpec& node) {
  Json json;
  json["node"] = node.name;
  json["cpu_milli"] = node.cpu_milli;
  json["memory_mib"] = node.memory_mib;
  Json gpus = Json::array();
  for (const GpuSpec& gpu : node.gpus) {
    Json entry = {{"model", gpu_model(gpu.model).name}, {"memory_mib", gpu.memory_mib}};
    if (gpu.fixed) entry["fixed"] = true;
    gpus.push_back(std::move(entry));
  }
  json["gpus"] = std::move(gpus);
  for (const NodeResource& resource : node.resources) {
    json["resources"].push_back({{"mig_profile", resource.mig_profile},
                                 {"shared", resource.shared},
                                 {"whole_devices", resource.whole_devices},
                                 {"replicas", resource.replicas},
                                 {"allocatable", resource.allocatable}});
    if (!resource.unit_profile.empty()) json["resources"].back()["unit_profile"] = resource.unit_profile;
  }
  json["sharing"] = sharing_names[static_cast<std::size_t>(node.sharing)];
  if (node.replicas != 0) json["replicas"] = node.replicas;
  if (!node.labels.empty()) json["labels"] = pairs_to_json(node.labels);
  if (node.rank >= 0) json["rank"] = node.rank;
  return json;
}

Result<NodeSpec> node_from_json(const Json& json) {
  NodeSpec node;
  node.name = json.at("node").get<std::string>();
  node.cpu_milli = json.at("cpu_milli").get<std::int64_t>();
  node.memory_mib = json.at("memory_mib").get<std::int64_t>();
  for (const Json& gpu : json.at("gpus")) {
    const Result<GpuModelId> model = find_gpu_model(gpu.at("model").get<std::string>());
    if (!model) {
      return model.error();
    }
    node.gpus.push_back({.model = model.value(),
                         .memory_mib = gpu.at("memory_mib").get<std::int64_t>(),
                         .fixed = gpu.value("fixed", false)});
  }
  for (const Json& resource : json.contains("resources") ? json["resources"] : Json::array()) {
    node.resources.push_back({.mig_profile = resource.at("mig_profile").get<std::string>(),
                              .shared = resource.at("shared").get<bool>(),
                              .whole_devices = resource.at("whole_devices").get<bool>(),
                              .replicas = resource.at("replicas").get<std::int32_t>(),
                              .allocatable = resource.at("allocatable").get<std::int64_t>(),
                              .unit_profile = resource.value("unit_profile", "")});
  }
  if (!enum_from(sharing_names, json.at("sharing").get<std::string>(), node.sharing)) {
    return malformed("node with an unknown sharing: " + json.dump());
  }
  node.replicas = json.value("replicas", 0);
  node.labels = json.contains("labels") ? pairs_from_json(json["labels"]) : decltype(node.labels){};
  node.rank = json.value("rank", std::int64_t{-1});
  constexpr std::int64_t most = std::int64_t{1} << 50;
  const bool memory_fits = std::all_of(node.gpus.begin(), node.gpus.end(), [](const GpuSpec& gpu) {
    return gpu.memory_mib >= 0 && gpu.memory_mib < (std::int64_t{1} << 31);
  });
  const bool counts_fit =
      node.resources.size() <= 256 && std::all_of(node.resources.begin(), node.resources.end(), [](const auto& r) {
        return r.allocatable >= 0 && r.allocatable < (std::int64_t{1} << 31) && r.replicas > 0;
      });
  if (!counts_fit || node.cpu_milli < 0 || node.cpu_milli > most || node.memory_mib < 0 || node.memory_mib > most ||
      node.gpus.size() > 1024 || node.replicas < 0 || !memory_fits) {
    return malformed("node out of range: " + json.dump());
  }
  return node;
}

Json to_json(const Candidate& place, const ClusterState& state) {
  Json json;
  const Node& node = state.node(place.node);
  json["node"] = node.spec.name;
  Json gpus = Json::array();
  for (const GpuAssignment& part : place.gpus) {
    Json gpu;
    gpu["gpu"] = part.gpu;
    if (part.range.size > 0) {
      gpu["profile"] = gpu_model(GpuModelId{node.state.gpus[part.gpu].model}).profiles[part.profile.value].name;
      gpu["start"] = part.range.start;
      gpu["size"] = part.range.size;
    } else {
      gpu["milli"] = part.share_milli;
    }
    if (part.memory_mib > 0) gpu["memory_mib"] = part.memory_mib;
    if (part.sharing != PartitionSharing::exclusive) {
      gpu["sharing"] = partition_sharing_names[static_cast<std::size_t>(part.sharing)];
    }
    gpus.push_back(std::move(gpu));
  }
  json["gpus"] = std::move(gpus);
  return json;
}

Result<Candidate> candidate_from_json(const Json& json, const ClusterState& state) {
  Candidate place;
  place.node = state.find_node(json.at("node").get<std::string>());
  if (!place.node.valid()) {
    return malformed("unknown node '" + json.at("node").get<std::string>() + "'");
  }
  const Node& node = state.node(place.node);
  for (const Json& gpu : json.at("gpus")) {
    GpuAssignment part;
    const auto device = gpu.at("gpu").get<std::int64_t>();
    if (device < 0 || device >= static_cast<std::int64_t>(node.state.gpus.size())) {
      return malformed("node '" + node.spec.name + "' has no GPU " + std::to_string(device));
    }
    part.gpu = static_cast<std::uint16_t>(device);
    if (gpu.contains("profile")) {
      const GpuModelId model{node.state.gpus[part.gpu].model};
      const Result<MigProfileId> profile = find_mig_profile(model, gpu["profile"].get<std::string>());
      if (!profile) {
        return profile.error();
      }
      part.profile = profile.value();
      part.mig_labels = mig_label_bits(gpu_model(model).profiles[part.profile.value]);
      part.range = {gpu.at("start").get<std::int16_t>(), gpu.at("size").get<std::int16_t>()};
      if (part.range.start < 0 || part.range.size < 1 ||
          part.range.start + part.range.size > gpu_model(model).placement_units) {
        return malformed("instance outside its GPU: " + gpu.dump());
      }
    } else {
      const auto milli = gpu.at("milli").get<std::int64_t>();
      if (milli < 1 || milli > milli_per_unit) {
        return malformed("share out of range: " + gpu.dump());
      }
      part.share_milli = static_cast<std::uint16_t>(milli);
    }
    const auto memory_mib = gpu.value("memory_mib", std::int64_t{0});
    if (memory_mib < 0 || memory_mib >= (std::int64_t{1} << 31)) {
      return malformed("share out of range: " + gpu.dump());
    }
    if (!enum_from(partition_sharing_names, gpu.value("sharing", "exclusive"), part.sharing)) {
      return malformed("share with an unknown sharing: " + gpu.dump());
    }
    part.memory_mib = static_cast<std::int32_t>(memory_mib);
    place.gpus.push_back(part);
  }
  return place;
}

Json to_json(const EngineOptions& options) {
  Json json;
  json["policy"] = options.policy.name;
  json["parameters"] = options.policy.parameters;
  json["seed"] = options.seed;
  json["preemption"] = options.preemption;
  if (options.reshape.one_move_on_block) {
    json["reshape"] = {{"cooldown_ns", options.reshape.cooldown_ns},
                       {"most_moves_in_flight", options.reshape.most_moves_in_flight},
                       {"actuation", actuation_names[static_cast<std::size_t>(options.reshape.actuation)]}};
  }
  Json target = Json::array();
  for (const DemandClass& entry : options.target.classes) {
    target.push_back({{"count", entry.count}, {"request", to_json(entry.request)}});
  }
  json["target"] = std::move(target);
  return json;
}

Result<EngineOptions> options_from_json(const Json& json) {
  EngineOptions options;
  options.policy.name = json.at("policy").get<std::string>();
  for (const auto& [key, value] : json.at("parameters").items()) {
    options.policy.parameters[key] = value.get<std::string>();
  }
  options.seed = json.at("seed").get<std::uint64_t>();
  options.preemption = json.at("preemption").get<bool>();
  if (json.contains("reshape")) {
    const Json& reshape = json["reshape"];
    options.reshape.one_move_on_block = true;
    options.reshape.cooldown_ns = reshape.at("cooldown_ns").get<TimeNs>();
    options.reshape.most_moves_in_flight = reshape.at("most_moves_in_flight").get<std::size_t>();
    if (!enum_from(actuation_names, reshape.at("actuation").get<std::string>(), options.reshape.actuation)) {
      return malformed("unknown actuation: " + reshape.dump());
    }
  }
  for (const Json& entry : json.at("target")) {
    Result<GpuRequest> request = request_from_json(entry.at("request"));
    if (!request) {
      return request.error();
    }
    options.target.classes.push_back(
        {.request = std::move(request).value(), .count = entry.at("count").get<std::int64_t>()});
  }
  return options;
}

std::string to_ranges(std::span<const NodeId> scope) {
  std::vector<std::uint32_t> numbers;
  for (const NodeId node : scope) {
    numbers.push_back(node.value);
  }
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    const std::size_t first = i;
    while (i + 1 < numbers.size() && numbers[i + 1] <= numbers[i] + 1) {
      ++i;
    }
    text += (text.empty() ? "" : ",") + std::to_string(numbers[first]);
    if (numbers[i] > numbers[first]) {
      text += "-" + std::to_string(numbers[i]);
    }
    ++i;
  }
  return text;
}

Result<std::vector<NodeId>> scope_from_ranges(std::string_view text, const ClusterState& state) {
  std::vector<NodeId> scope;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t dash = std::min(part.find('-'), part.size());
    std::uint32_t first = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + dash, first);
    std::uint32_t last = first;
    bool good = error == std::errc() && end == part.data() + dash;
    if (good && dash < part.size()) {
      const auto [last_end, last_error] = std::from_chars(part.data() + dash + 1, part.data() + part.size(), last);
      good = last_error == std::errc() && last_end == part.data() + part.size();
    }
    if (!good || last < first || last >= state.nodes().size()) {
      return malformed("a scope with the part '" + std::string(part) + "', no range of known nodes");
    }
    for (std::uint32_t node = first; node <= last; ++node) {
      scope.push_back(NodeId{node});
    }
  }
  return scope;
}

std::string decision_line(const ClusterState& state, TimeNs now, std::span<const std::string> pods,
                          std::span<const Decision> decisions, const PodNamer& pod_name,
                          std::optional<std::span<const NodeId>> scope) {
  Json json;
  json["type"] = "decision";
  json["t"] = now;
  json["pods"] = pods;
  if (scope) json["scope"] = to_ranges(*scope);
  json["outcome"] = outcome_name(decisions.back());
  Json places = Json::array();
  for (const Decision& decision : decisions) {
    if (const Candidate* place = candidate_of(decision)) {
      Json entry = to_json(*place, state);
      if (const auto* bind = std::get_if<Bind>(&decision)) {
        entry["cost"] = bind->cost;
        add_mode(entry, decision);
        if (bind->runner_up.node.valid()) {
          entry["runner_up"] = {{"node", state.node(bind->runner_up.node).spec.name}, {"cost", bind->runner_up.cost}};
          if (bind->mode && bind->mode->runner_up) {
            entry["runner_up"]["mode"] = to_string(*bind->mode->runner_up);
          }
        }
      } else if (const auto* preempt = std::get_if<PreemptThenBind>(&decision)) {
        Json victims = Json::array();
        for (const PodId victim : preempt->victims) {
          victims.push_back(pod_name(victim));
        }
        entry["victims"] = std::move(victims);
      } else {
        const auto& reshape = std::get<ReshapeThenBind>(decision);
        entry["cost"] = reshape.cost;
        add_mode(entry, decision);
        entry["move"] = {{"pod", pod_name(reshape.move.pod)},
                         {"from", to_json(reshape.move.from, state)},
                         {"to", to_json(reshape.move.to, state)}};
      }
      places.push_back(std::move(entry));
    }
  }
  if (!places.empty()) {
    json["places"] = std::move(places);
  }
  const RejectCounts* reasons = nullptr;
  if (const auto* wait = std::get_if<Wait>(&decisions.back())) {
    reasons = &wait->reasons;
  } else if (const auto* infeasible = std::get_if<Infeasible>(&decisions.back())) {
    reasons = &infeasible->reasons;
  }
  if (reasons != nullptr) {
    Json counts = Json::object();
    for (std::size_t i = 1; i < reasons->size(); ++i) {
      if ((*reasons)[i] > 0) {
        counts[to_string(static_cast<RejectReason>(i))] = (*reasons)[i];
      }
    }
    json["reasons"] = std::move(counts);
  }
  return json.dump();
}

}  // namespace gpusched::io
