#include "readers/kubectl_objects.hpp"

#include <algorithm>

#include "gpusched/kube/node_labels.hpp"
#include "gpusched/kube/quantity.hpp"
#include "gpusched/kube/resource_name.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "readers/row_checker.hpp"

namespace gpusched::sim {

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

std::string_view find_text(const Texts& texts, std::string_view key) {
  const auto place = std::find_if(texts.begin(), texts.end(), [&](const auto& entry) { return entry.first == key; });
  return place == texts.end() ? std::string_view() : std::string_view(place->second);
}

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

/// Devices, replicas and MIG instances that the kubelet offers on a node.
struct OfferedGpus {
  std::int64_t devices = 0;         ///< nvidia.com/gpu
  std::int64_t shared_devices = 0;  ///< nvidia.com/gpu.shared
  std::int64_t mig_instances = 0;   ///< of every profile
};

std::int64_t whole_number(std::string_view text) {
  std::int64_t number = 0;
  return parse_integer(text, number) == NumberProblem::none && number >= 0 ? number : 0;
}

bool count_offered(const Texts& resources, OfferedGpus& offered, std::optional<ObjectProblem>& problem) {
  for (const auto& [name, quantity] : resources) {
    const auto resource = parse_resource_name(name);
    if (!resource.ok()) {
      problem = {.reason = "resource_not_supported", .message = resource.error().message, .remedy = {}};
      return false;
    }
    if (!resource.value().has_value()) {
      continue;
    }
    const Result<std::int64_t> count = parse_count(quantity);
    if (!count.ok() || count.value() > max_num_gpu * max_num_gpu) {
      problem = {.reason = "quantity_malformed", .message = name + " is '" + quantity + "'", .remedy = {}};
      return false;
    }
    if (resource.value()->kind == GpuResourceKind::mig) {
      offered.mig_instances += count.value();
    } else {
      (resource.value()->shared ? offered.shared_devices : offered.devices) += count.value();
    }
  }
  return true;
}

/// What gpu.product says: "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED" is model, profile and sharing in one.
struct Product {
  std::string model;
  std::string mig_profile;  ///< set under the MIG strategy "single"
};

Product product_of(std::string_view label) {
  const std::string_view suffix = node_label::product_shared_suffix;
  if (label.size() > suffix.size() && label.substr(label.size() - suffix.size()) == suffix) {
    label.remove_suffix(suffix.size());
  }
  Product product;
  if (const std::size_t infix = label.find(node_label::product_mig_infix); infix != std::string_view::npos) {
    product.mig_profile = label.substr(infix + node_label::product_mig_infix.size());
    label = label.substr(0, infix);
  }
  product.model = label;
  return product;
}

/// Under the strategy "single" the labels count instances; the GPUs below them are as many as the instances need.
std::optional<std::int64_t> gpus_below(std::int64_t instances, GpuModelId model, const std::string& profile) {
  const Result<MigProfileId> id = find_mig_profile(model, profile);
  if (!id.ok()) {
    return std::nullopt;
  }
  const std::optional<int> per_gpu = gpu_model(model).profiles[id.value().value].max_instances;
  if (!per_gpu || *per_gpu <= 0) {
    return std::nullopt;
  }
  return (instances + *per_gpu - 1) / *per_gpu;
}

void set_sharing(TraceNode& node, const OfferedGpus& offered, std::int64_t replicas) {
  const std::string_view strategy = find_text(node.labels, node_label::gpu_sharing_strategy);
  const bool shared = replicas > 1 || offered.shared_devices > 0;
  if (offered.mig_instances > 0) {
    // Whole GPUs and cut ones together: an idle GPU of such a node is whatever the mix has left.
    node.sharing = offered.devices + offered.shared_devices > 0 ? NodeSharing::any : NodeSharing::mig;
  } else if (strategy == "mps") {
    node.sharing = NodeSharing::mps;
  } else if (strategy == "time-slicing" || shared) {
    node.sharing = NodeSharing::time_slice;
  } else {
    node.sharing = NodeSharing::exclusive;
  }
  node.replicas = shared ? static_cast<std::int32_t>(std::min(replicas, max_replicas)) : 0;
}

bool set_gpus(TraceNode& node, const OfferedGpus& offered, std::optional<ObjectProblem>& problem) {
  const std::string_view label = find_text(node.labels, node_label::gpu_product);
  if (label.empty()) {
    problem = {.reason = "gpu_product_missing",
               .message = "node '" + node.id + "' offers GPUs but has no label nvidia.com/gpu.product",
               .remedy = {}};
    return false;
  }
  const Product product = product_of(label);
  if (product.mig_profile == node_label::product_mig_invalid) {
    problem = {.reason = "mig_invalid",
               .message = "node '" + node.id + "' has the product " + std::string(label),
               .remedy = {}};
    return false;
  }
  const Result<GpuModelId> model = find_gpu_model(product.model);
  if (!model.ok()) {
    problem = {.reason = "unknown_gpu_model",
               .message = "node '" + node.id + "': " + model.error().message,
               .is_fatal = true,
               .remedy = model.error().remedy};
    return false;
  }
  node.gpu_model = product.model;
  const std::int64_t replicas =
      std::max<std::int64_t>(1, whole_number(find_text(node.labels, node_label::gpu_replicas)));
  std::optional<std::int64_t> gpus = (offered.devices + offered.shared_devices) / replicas;
  if (!product.mig_profile.empty()) {
    gpus = gpus_below(*gpus, model.value(), product.mig_profile);
    node.sharing = NodeSharing::mig;
  } else {
    if (offered.mig_instances > 0) {
      // The labels count every GPU of the node, cut or not.
      gpus = whole_number(find_text(node.labels, node_label::gpu_count));
    }
    node.gpu_memory_mib = whole_number(find_text(node.labels, node_label::gpu_memory));
    set_sharing(node, offered, replicas);
  }
  if (!gpus || *gpus <= 0 || *gpus > max_num_gpu || node.gpu_memory_mib > max_memory_mib) {
    problem = {.reason = "gpu_count_unknown",
               .message = "node '" + node.id + "': labels and resources do not tell how many GPUs it has",
               .remedy = {}};
    return false;
  }
  node.num_gpu = static_cast<std::int32_t>(*gpus);
  return true;
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
  TraceNode node;
  node.id = text_at(object, {"metadata", "name"});
  node.labels = texts_at(object, {"metadata", "labels"});
  Texts resources = texts_at(object, {"status", "allocatable"});
  if (resources.empty()) {
    resources = texts_at(object, {"status", "capacity"});
  }
  if (!can_be_map(node.labels)) {
    problem = {.reason = "labels_malformed", .message = "node '" + node.id + "' has a label with '|'", .remedy = {}};
    return node;
  }
  if (node.id.empty()) {
    problem = {.reason = "id_missing", .message = "a node without a name", .remedy = {}};
    return node;
  }
  const Result<std::int64_t> cpu = parse_cpu_milli(find_text(resources, "cpu"));
  const Result<std::int64_t> memory = parse_memory_mib(find_text(resources, "memory"));
  if (!cpu.ok() || !memory.ok() || cpu.value() > max_cpu_milli || memory.value() > max_memory_mib) {
    problem = {.reason = "quantity_malformed",
               .message = "node '" + node.id + "': cpu or memory: " +
                          (!cpu.ok()      ? cpu.error().message
                           : !memory.ok() ? memory.error().message
                                          : "too large"),
               .remedy = {}};
    return node;
  }
  node.cpu_milli = cpu.value();
  node.memory_mib = memory.value();
  OfferedGpus offered;
  if (count_offered(resources, offered, problem) &&
      offered.devices + offered.shared_devices + offered.mig_instances > 0) {
    set_gpus(node, offered, problem);
  }
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
