#include "readers/kubectl_objects.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "gpusched/kube/node_inventory.hpp"

#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

std::string_view text_of(const Json& value) {
  const auto* const text = value.get_ptr<const std::string*>();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

ContainerSpec container_of(const Json& object) {
  return {.name = std::string(text_at(object, {"name"})),
          .requests = texts_at(object, {"resources", "requests"}),
          .limits = texts_at(object, {"resources", "limits"}),
          .is_sidecar = text_at(object, {"restartPolicy"}) == "Always"};
}

std::vector<ContainerSpec> containers_at(const Json& object, std::initializer_list<std::string_view> path) {
  std::vector<ContainerSpec> containers;
  const Json* const list = find_path(object, path);
  if (list != nullptr && list->is_array()) {
    for (const Json& container : *list) {
      containers.push_back(container_of(container));
    }
  }
  return containers;
}

/// Problems that leave a trace without the node's GPUs, so that the row is dropped instead.
bool drops_node(std::string_view kind) {
  constexpr std::array kinds = {node_problem::quantity_malformed,  node_problem::resource_not_supported,
                                node_problem::gpu_product_missing, node_problem::mig_invalid,
                                node_problem::unknown_gpu_model,   node_problem::gpu_count_unknown};
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

/// A trace has what can be used: units that are not allocatable are left out.
NodeObject object_of(const Json& object) {
  NodeObject node;
  node.name = text_at(object, {"metadata", "name"});
  node.labels = texts_at(object, {"metadata", "labels"});
  node.allocatable = texts_at(object, {"status", "allocatable"});
  if (node.allocatable.empty()) {
    node.capacity = texts_at(object, {"status", "capacity"});
  }
  return node;
}

void set_gpus(TraceNode& node, const NodeInventory& inventory) {
  const NodeSpec& spec = inventory.spec;
  if (std::none_of(spec.resources.begin(), spec.resources.end(), [](const auto& r) { return r.allocatable > 0; })) {
    return;
  }
  node.gpu_model = inventory.gpu_product;
  node.num_gpu = static_cast<std::int32_t>(spec.gpus.size());
  node.gpu_memory_mib = spec.gpus.empty() ? 0 : spec.gpus[0].memory_mib;
  node.sharing = spec.sharing;
  node.replicas = spec.replicas;
}

}  // namespace

const Json* find_member(const Json& object, std::string_view name) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto place = object.find(std::string(name));
  return place == object.end() ? nullptr : &*place;
}

const Json* find_path(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* at = &object;
  for (const std::string_view name : path) {
    at = at == nullptr ? nullptr : find_member(*at, name);
  }
  return at;
}

std::string_view text_at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* const value = find_path(object, path);
  return value == nullptr ? std::string_view() : text_of(*value);
}

Texts texts_at(const Json& object, std::initializer_list<std::string_view> path) {
  Texts texts;
  const Json* const map = find_path(object, path);
  if (map == nullptr || !map->is_object()) {
    return texts;
  }
  for (const auto& [key, value] : map->items()) {
    // Hand-written manifests give small quantities as numbers.
    texts.emplace_back(key, value.is_number() ? value.dump() : std::string(text_of(value)));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

bool can_be_map(const Texts& texts) {
  return std::none_of(texts.begin(), texts.end(), [](const auto& entry) {
    return entry.first.empty() || entry.first.find_first_of("|=") != std::string::npos ||
           entry.second.find('|') != std::string::npos;
  });
}

TraceNode node_of(const Json& object, std::optional<ObjectProblem>& problem) {
  NodeInventory inventory = node_inventory(object_of(object));
  TraceNode node;
  node.id = std::move(inventory.spec.name);
  node.labels = std::move(inventory.spec.labels);
  if (!can_be_map(node.labels)) {
    problem = {.reason = "labels_malformed", .message = "node '" + node.id + "' has a label with '|'", .remedy = {}};
    return node;
  }
  if (node.id.empty()) {
    problem = {.reason = "id_missing", .message = "a node without a name", .remedy = {}};
    return node;
  }
  for (NodeProblem& found : inventory.problems) {
    if (drops_node(found.kind)) {
      problem = {.reason = found.kind,
                 .message = std::move(found.message),
                 .is_fatal = found.kind == node_problem::unknown_gpu_model,
                 .remedy = std::move(found.remedy)};
      return node;
    }
  }
  if (inventory.spec.cpu_milli > max_cpu_milli || inventory.spec.memory_mib > max_memory_mib) {
    problem = {
        .reason = "quantity_malformed", .message = "node '" + node.id + "': cpu or memory: too large", .remedy = {}};
    return node;
  }
  node.cpu_milli = inventory.spec.cpu_milli;
  node.memory_mib = inventory.spec.memory_mib;
  set_gpus(node, inventory);
  return node;
}

bool is_ready(const Json& node) {
  const Json* const conditions = find_path(node, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) {
    return true;  // a hand-written list; the kubelet always reports conditions
  }
  return std::none_of(conditions->begin(), conditions->end(), [](const Json& condition) {
    return text_at(condition, {"type"}) == "Ready" && text_at(condition, {"status"}) != "True";
  });
}

bool is_unschedulable(const Json& node) {
  const Json* const flag = find_path(node, {"spec", "unschedulable"});
  return flag != nullptr && flag->is_boolean() && flag->get<bool>();
}

PodSpec pod_spec_of(const Json& object) {
  PodSpec pod;
  pod.name = text_at(object, {"metadata", "name"});
  pod.containers = containers_at(object, {"spec", "containers"});
  pod.init_containers = containers_at(object, {"spec", "initContainers"});
  pod.overhead = texts_at(object, {"spec", "overhead"});
  pod.node_selector = texts_at(object, {"spec", "nodeSelector"});
  pod.annotations = texts_at(object, {"metadata", "annotations"});
  pod.labels = texts_at(object, {"metadata", "labels"});
  const Json* const priority = find_path(object, {"spec", "priority"});
  if (priority != nullptr && priority->is_number_integer()) {
    pod.priority = static_cast<std::int32_t>(std::clamp<std::int64_t>(priority->get<std::int64_t>(),
                                                                      std::numeric_limits<std::int32_t>::min(),
                                                                      std::numeric_limits<std::int32_t>::max()));
  }
  return pod;
}

}  // namespace gpusched::sim
