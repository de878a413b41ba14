#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "gpusched/extender/wire.hpp"
#include "gpusched/kube/rfc3339.hpp"

/// The decoders of the extender's wire once more, on another JSON library, as simple as can be: slow, but plain to
/// read. nullopt: refused. Of repeated keys the last one counts because nlohmann keeps that one.
namespace gpusched::extender::oracle {

using Json = nlohmann::json;
using Texts = std::vector<std::pair<std::string, std::string>>;

struct Refused {};

inline const Json* find(const Json& object, std::string_view key) {
  const auto place = object.find(std::string(key));
  return place == object.end() || place->is_null() ? nullptr : &*place;
}

inline const Json& null_json() {
  static const Json null;
  return null;
}

/// The member, which must be an object; {} where it is absent.
inline const Json& object_at(const Json& object, std::string_view key) {
  static const Json empty = Json::object();
  const Json* const value = find(object, key);
  if (value != nullptr && !value->is_object()) {
    throw Refused{};
  }
  return value == nullptr ? empty : *value;
}

inline const Json& array_at(const Json& object, std::string_view key) {
  static const Json empty = Json::array();
  const Json* const value = find(object, key);
  if (value != nullptr && !value->is_array()) {
    throw Refused{};
  }
  return value == nullptr ? empty : *value;
}

inline std::string text_of(const Json& value) {
  if (value.is_null()) {
    return {};
  }
  if (!value.is_string()) {
    throw Refused{};
  }
  return value.get<std::string>();
}

inline std::string text_at(const Json& object, std::string_view key) {
  const Json* const value = find(object, key);
  return value == nullptr ? std::string() : text_of(*value);
}

inline std::int64_t integer_of(const Json& value) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > most)) {
    throw Refused{};
  }
  return value.get<std::int64_t>();
}

inline Texts texts_at(const Json& object, std::string_view key, bool numbers = false) {
  Texts texts;
  for (const auto& [name, value] : object_at(object, key).items()) {
    texts.emplace_back(name, numbers && value.is_number() ? std::to_string(integer_of(value)) : text_of(value));
  }
  return texts;  // nlohmann's objects are sorted
}

inline std::vector<ContainerSpec> containers_at(const Json& spec, std::string_view key,
                                                std::vector<ContainerShape>* shapes = nullptr) {
  std::vector<ContainerSpec> containers;
  for (const Json& element : array_at(spec, key)) {
    ContainerSpec& container = containers.emplace_back();
    ContainerShape shape;
    if (!element.is_null() && !element.is_object()) {
      throw Refused{};
    }
    if (element.is_object()) {
      container.name = text_at(element, "name");
      container.is_sidecar = text_at(element, "restartPolicy") == "Always";
      const Json& resources = object_at(element, "resources");
      container.requests = texts_at(resources, "requests", true);
      container.limits = texts_at(resources, "limits", true);
      shape = {.has_resources = find(element, "resources") != nullptr,
               .has_requests = find(resources, "requests") != nullptr,
               .has_limits = find(resources, "limits") != nullptr};
    }
    if (shapes != nullptr) {
      shapes->push_back(shape);
    }
  }
  return containers;
}

inline PodObject pod_of(const Json& object, std::vector<ContainerShape>* shapes = nullptr) {
  if (!object.is_object()) {
    throw Refused{};
  }
  PodObject pod;
  const Json& metadata = object_at(object, "metadata");
  pod.ns = text_at(metadata, "namespace");
  pod.name = text_at(metadata, "name");
  pod.uid = text_at(metadata, "uid");
  pod.resource_version = text_at(metadata, "resourceVersion");
  pod.creation_s = parse_rfc3339(text_at(metadata, "creationTimestamp")).value_or(0);
  pod.terminating = !text_at(metadata, "deletionTimestamp").empty();
  pod.spec.labels = texts_at(metadata, "labels");
  pod.spec.annotations = texts_at(metadata, "annotations");
  const Json& spec = object_at(object, "spec");
  pod.node_name = text_at(spec, "nodeName");
  pod.scheduler_name = text_at(spec, "schedulerName");
  pod.has_scheduling_gates = !array_at(spec, "schedulingGates").empty();
  pod.spec.name = pod.name;
  pod.spec.containers = containers_at(spec, "containers", shapes);
  pod.spec.init_containers = containers_at(spec, "initContainers");
  pod.spec.overhead = texts_at(spec, "overhead", true);
  pod.spec.node_selector = texts_at(spec, "nodeSelector");
  if (const Json* const priority = find(spec, "priority")) {
    const std::int64_t value = integer_of(*priority);
    if (value != static_cast<std::int32_t>(value)) {
      throw Refused{};
    }
    pod.spec.priority = static_cast<std::int32_t>(value);
  }
  pod.pod_group = text_at(object_at(spec, "schedulingGroup"), "podGroupName");
  pod.has_scheduling_group = !pod.pod_group.empty();
  if (pod.pod_group.empty()) {
    pod.pod_group = gang_name(pod.spec);
  }
  const Json& status = object_at(object, "status");
  pod.phase = text_at(status, "phase");
  pod.nominated_node_name = text_at(status, "nominatedNodeName");
  pod.names_gpu = names_gpu(pod.spec);
  return pod;
}

inline NodeUpdate node_of(const Json& object) {
  if (!object.is_object()) {
    throw Refused{};
  }
  NodeUpdate update;
  const Json& metadata = object_at(object, "metadata");
  update.node.name = text_at(metadata, "name");
  update.node.uid = text_at(metadata, "uid");
  update.resource_version = text_at(metadata, "resourceVersion");
  update.terminating = !text_at(metadata, "deletionTimestamp").empty();
  update.node.labels = texts_at(metadata, "labels");
  update.node.annotations = texts_at(metadata, "annotations");
  if (const Json* const flag = find(object_at(object, "spec"), "unschedulable")) {
    if (!flag->is_boolean()) {
      throw Refused{};
    }
    update.node.unschedulable = flag->get<bool>();
  }
  const Json& status = object_at(object, "status");
  update.node.allocatable = texts_at(status, "allocatable", true);
  update.node.capacity = texts_at(status, "capacity", true);
  for (const Json& condition : array_at(status, "conditions")) {
    if (condition.is_null()) {
      continue;
    }
    if (!condition.is_object()) {
      throw Refused{};
    }
    const std::string state = text_at(condition, "status");
    if (text_at(condition, "type") == "Ready" && state != "True") {
      update.node.ready = false;
    }
  }
  return update;
}

/// Objects whose keys match without regard to case: two spellings of one key are refused, as the last of them in the
/// text cannot be told.
inline Json lower_keys(const Json& object) {
  Json lower = Json::object();
  for (const auto& [key, value] : object.items()) {
    std::string name = key;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (lower.contains(name)) {
      throw Refused{};
    }
    lower[name] = value;
  }
  return lower;
}

/// What decode_filter_args() finds, with values instead of views.
struct FilterResult {
  PodObject pod;
  std::vector<std::string> node_names;
  bool has_full_nodes = false;
  std::vector<Json> nodes;
};

inline FilterResult filter_of(const Json& document) {
  if (!document.is_object()) {
    throw Refused{};
  }
  const Json args = lower_keys(document);
  FilterResult result;
  result.pod = pod_of(args.value("pod", null_json()));
  for (const Json& name : array_at(args, "nodenames")) {
    result.node_names.push_back(text_of(name));
  }
  if (find(args, "nodes") != nullptr) {
    result.has_full_nodes = true;
    result.node_names.clear();
    for (const Json& node : array_at(object_at(args, "nodes"), "items")) {
      if (!node.is_object()) {
        throw Refused{};
      }
      result.node_names.push_back(text_at(object_at(node, "metadata"), "name"));
      if (result.node_names.back().empty()) {
        throw Refused{};
      }
      result.nodes.push_back(node);
    }
  }
  return result;
}

inline BindArgs bind_of(const Json& document) {
  if (!document.is_object()) {
    throw Refused{};
  }
  const Json args = lower_keys(document);
  BindArgs bind{.pod_name = text_at(args, "podname"),
                .pod_ns = text_at(args, "podnamespace"),
                .pod_uid = text_at(args, "poduid"),
                .node = text_at(args, "node")};
  if (bind.pod_name.empty() || bind.pod_ns.empty() || bind.pod_uid.empty() || bind.node.empty()) {
    throw Refused{};
  }
  return bind;
}

inline std::vector<NodeVictims> candidates_of(const Json& map, bool is_meta) {
  std::vector<NodeVictims> candidates;
  for (const auto& [node, value] : map.items()) {
    NodeVictims& victims = candidates.emplace_back();
    victims.node = node;
    if (value.is_null()) {
      continue;
    }
    if (!value.is_object()) {
      throw Refused{};
    }
    const Json members = lower_keys(value);
    if (const Json* const violations = find(members, "numpdbviolations")) {
      victims.pdb_violations = integer_of(*violations);
    }
    for (const Json& pod : array_at(members, "pods")) {
      if (!pod.is_null() && !pod.is_object()) {
        throw Refused{};
      }
      victims.pod_uids.push_back(pod.is_null() ? std::string()
                                 : is_meta     ? text_at(lower_keys(pod), "uid")
                                               : text_at(object_at(pod, "metadata"), "uid"));
    }
  }
  return candidates;
}

inline PreemptArgs preempt_of(const Json& document) {
  if (!document.is_object()) {
    throw Refused{};
  }
  const Json args = lower_keys(document);
  PreemptArgs result;
  result.pod = pod_of(args.value("pod", null_json()));
  result.candidates = candidates_of(object_at(args, "nodenametovictims"), false);
  std::vector<NodeVictims> meta = candidates_of(object_at(args, "nodenametometavictims"), true);
  if (find(args, "nodenametometavictims") != nullptr) {
    result.candidates = std::move(meta);
  }
  return result;
}

/// Runs one of the above on a text; nullopt where the text is no JSON or is refused.
template <typename Decode>
auto run(std::string_view text, Decode decode) -> std::optional<decltype(decode(Json()))> {
  const Json document = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return std::nullopt;
  }
  try {
    return decode(document);
  } catch (const Refused&) {
    return std::nullopt;
  }
}

}  // namespace gpusched::extender::oracle
