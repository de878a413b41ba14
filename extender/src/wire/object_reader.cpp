#include "wire/object_reader.hpp"

#include <algorithm>
#include <limits>

#include "gpusched/kube/rfc3339.hpp"

namespace gpusched::extender {

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

/// Sorts by key; of equal keys the last one stays.
void order(Texts& texts) {
  std::stable_sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto last_of_key = [&](std::size_t i) { return i + 1 == texts.size() || texts[i].first != texts[i + 1].first; };
  std::size_t kept = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (last_of_key(i)) {
      if (kept != i) {
        texts[kept] = std::move(texts[i]);
      }
      ++kept;
    }
  }
  texts.resize(kept);
}

template <typename ReadText>
bool read_map(JsonReader& reader, ondemand::value value, Texts& texts, ReadText read_text) {
  texts.clear();
  const bool ok = reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (texts.size() == reader.limits().max_entries) {
      return reader.fail(ErrorCode::data_loss,
                         "is one of more than " + std::to_string(reader.limits().max_entries) + " entries");
    }
    texts.emplace_back(key, std::string());
    return read_text(item, texts.back().second);
  });
  order(texts);
  return ok;
}

bool read_texts(JsonReader& reader, ondemand::value value, Texts& texts) {
  return read_map(reader, value, texts,
                  [&](ondemand::value item, std::string& text) { return reader.text(item, text); });
}

/// Quantities are strings, but small ones may be whole numbers.
bool read_quantities(JsonReader& reader, ondemand::value value, Texts& texts) {
  return read_map(reader, value, texts, [&](ondemand::value item, std::string& text) {
    ondemand::json_type type{};
    if (item.type().get(type) != simdjson::SUCCESS || type != ondemand::json_type::number) {
      return reader.text(item, text);
    }
    std::int64_t number = 0;
    const bool ok = reader.integer(item, number);
    text = std::to_string(number);
    return ok;
  });
}

bool is_null(ondemand::value value) {
  ondemand::json_type type{};
  return value.type().get(type) == simdjson::SUCCESS && type == ondemand::json_type::null;
}

bool read_resources(JsonReader& reader, ondemand::value value, ContainerSpec& container, ContainerShape& shape) {
  container.requests.clear();
  container.limits.clear();
  shape = {.has_resources = !is_null(value)};
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key == "requests") {
      shape.has_requests = !is_null(item);
      return read_quantities(reader, item, container.requests);
    }
    if (key == "limits") {
      shape.has_limits = !is_null(item);
      return read_quantities(reader, item, container.limits);
    }
    return true;
  });
}

bool read_containers(JsonReader& reader, ondemand::value value, std::vector<ContainerSpec>& containers,
                     std::vector<ContainerShape>* shapes) {
  containers.clear();
  std::vector<ContainerShape> found;
  const bool ok = reader.array(value, reader.limits().max_entries, [&](ondemand::value element) {
    ContainerSpec& container = containers.emplace_back();
    ContainerShape& shape = found.emplace_back();
    return reader.object(element, [&](std::string_view key, ondemand::value item) {
      if (key == "name") {
        return reader.text(item, container.name);
      }
      if (key == "resources") {
        return read_resources(reader, item, container, shape);
      }
      if (key == "restartPolicy") {
        std::string policy;
        const bool is_text = reader.text(item, policy);
        container.is_sidecar = policy == "Always";
        return is_text;
      }
      return true;
    });
  });
  if (shapes != nullptr) {
    *shapes = std::move(found);
  }
  return ok;
}

bool read_time(JsonReader& reader, ondemand::value value, std::int64_t& seconds) {
  std::string text;
  if (!reader.text(value, text)) {
    return false;
  }
  seconds = parse_rfc3339(text).value_or(0);
  return true;
}

bool read_is_set(JsonReader& reader, ondemand::value value, bool& is_set) {
  std::string text;
  const bool ok = reader.text(value, text);
  is_set = !text.empty();
  return ok;
}

bool read_pod_metadata(JsonReader& reader, ondemand::value value, PodObject& pod, PodShape* shape) {
  pod.ns.clear();
  pod.name.clear();
  pod.uid.clear();
  pod.resource_version.clear();
  pod.creation_s = 0;
  pod.terminating = false;
  pod.spec.labels.clear();
  pod.spec.annotations.clear();
  bool has_annotations = false;
  const bool ok = reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key == "name") {
      return reader.text(item, pod.name);
    }
    if (key == "namespace") {
      return reader.text(item, pod.ns);
    }
    if (key == "uid") {
      return reader.text(item, pod.uid);
    }
    if (key == "resourceVersion") {
      return reader.text(item, pod.resource_version);
    }
    if (key == "creationTimestamp") {
      return read_time(reader, item, pod.creation_s);
    }
    if (key == "deletionTimestamp") {
      return read_is_set(reader, item, pod.terminating);
    }
    if (key == "labels") {
      return read_texts(reader, item, pod.spec.labels);
    }
    if (key == "annotations") {
      has_annotations = !is_null(item);
      return read_texts(reader, item, pod.spec.annotations);
    }
    return true;
  });
  if (shape != nullptr) {
    shape->has_annotations = has_annotations;
  }
  return ok;
}

bool read_priority(JsonReader& reader, ondemand::value value, std::int32_t& priority) {
  std::int64_t number = 0;
  if (!reader.integer(value, number)) {
    return false;
  }
  if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max()) {
    return reader.fail(ErrorCode::invalid_argument, "is no whole number of 32 bits");
  }
  priority = static_cast<std::int32_t>(number);
  return true;
}

bool read_group(JsonReader& reader, ondemand::value value, std::string& group) {
  group.clear();
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    return key == "podGroupName" ? reader.text(item, group) : true;
  });
}

bool read_gates(JsonReader& reader, ondemand::value value, bool& has_gates) {
  has_gates = false;
  return reader.array(value, reader.limits().max_entries, [&](ondemand::value) { return has_gates = true; });
}

bool read_pod_spec(JsonReader& reader, ondemand::value value, PodObject& pod, PodShape* shape) {
  PodSpec& spec = pod.spec;
  spec.containers.clear();
  spec.init_containers.clear();
  spec.overhead.clear();
  spec.node_selector.clear();
  spec.priority = 0;
  pod.node_name.clear();
  pod.scheduler_name.clear();
  pod.pod_group.clear();
  pod.has_scheduling_gates = false;
  std::vector<ContainerShape>* const shapes = shape == nullptr ? nullptr : &shape->containers;
  if (shapes != nullptr) {
    shapes->clear();
  }
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key == "containers") {
      return read_containers(reader, item, spec.containers, shapes);
    }
    if (key == "initContainers") {
      return read_containers(reader, item, spec.init_containers, nullptr);
    }
    if (key == "overhead") {
      return read_quantities(reader, item, spec.overhead);
    }
    if (key == "nodeSelector") {
      return read_texts(reader, item, spec.node_selector);
    }
    if (key == "priority") {
      return read_priority(reader, item, spec.priority);
    }
    if (key == "nodeName") {
      return reader.text(item, pod.node_name);
    }
    if (key == "schedulerName") {
      return reader.text(item, pod.scheduler_name);
    }
    if (key == "schedulingGates") {
      return read_gates(reader, item, pod.has_scheduling_gates);
    }
    return key == "schedulingGroup" ? read_group(reader, item, pod.pod_group) : true;
  });
}

bool read_pod_status(JsonReader& reader, ondemand::value value, PodObject& pod) {
  pod.phase.clear();
  pod.nominated_node_name.clear();
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key == "phase") {
      return reader.text(item, pod.phase);
    }
    return key == "nominatedNodeName" ? reader.text(item, pod.nominated_node_name) : true;
  });
}

bool read_node_metadata(JsonReader& reader, ondemand::value value, NodeUpdate& update) {
  NodeObject& node = update.node;
  node.name.clear();
  node.uid.clear();
  node.labels.clear();
  node.annotations.clear();
  update.resource_version.clear();
  update.terminating = false;
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key == "name") {
      return reader.text(item, node.name);
    }
    if (key == "uid") {
      return reader.text(item, node.uid);
    }
    if (key == "resourceVersion") {
      return reader.text(item, update.resource_version);
    }
    if (key == "deletionTimestamp") {
      return read_is_set(reader, item, update.terminating);
    }
    if (key == "labels") {
      return read_texts(reader, item, node.labels);
    }
    return key == "annotations" ? read_texts(reader, item, node.annotations) : true;
  });
}

/// Whether the condition Ready is absent or True.
bool read_conditions(JsonReader& reader, ondemand::value value, bool& ready) {
  ready = true;
  return reader.array(value, reader.limits().max_entries, [&](ondemand::value element) {
    std::string type;
    std::string status;
    const bool ok = reader.object(element, [&](std::string_view key, ondemand::value item) {
      if (key == "type") {
        return reader.text(item, type);
      }
      return key == "status" ? reader.text(item, status) : true;
    });
    ready = ready && (type != "Ready" || status == "True");
    return ok;
  });
}

bool read_node_status(JsonReader& reader, ondemand::value value, NodeObject& node) {
  node.allocatable.clear();
  node.capacity.clear();
  node.ready = true;
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key == "allocatable") {
      return read_quantities(reader, item, node.allocatable);
    }
    if (key == "capacity") {
      return read_quantities(reader, item, node.capacity);
    }
    return key == "conditions" ? read_conditions(reader, item, node.ready) : true;
  });
}

}  // namespace

bool read_pod_field(JsonReader& reader, std::string_view key, ondemand::value value, PodObject& pod, PodShape* shape) {
  if (key == "metadata") {
    return read_pod_metadata(reader, value, pod, shape);
  }
  if (key == "spec") {
    return read_pod_spec(reader, value, pod, shape);
  }
  return key == "status" ? read_pod_status(reader, value, pod) : true;
}

void finish_pod(PodObject& pod) {
  pod.has_scheduling_group = !pod.pod_group.empty();
  pod.spec.name = pod.name;
  pod.names_gpu = names_gpu(pod.spec);
  if (pod.pod_group.empty()) {
    pod.pod_group = gang_name(pod.spec);
  }
  pod.gang_size = gang_size(pod.spec);
}

bool read_pod(JsonReader& reader, ondemand::value value, PodObject& pod, PodShape* shape) {
  pod = {};
  if (shape != nullptr) {
    *shape = {};
  }
  const bool ok = reader.object(
      value, [&](std::string_view key, ondemand::value item) { return read_pod_field(reader, key, item, pod, shape); });
  finish_pod(pod);
  return ok;
}

bool read_node_field(JsonReader& reader, std::string_view key, ondemand::value value, NodeUpdate& update) {
  if (key == "metadata") {
    return read_node_metadata(reader, value, update);
  }
  if (key == "spec") {
    update.node.unschedulable = false;
    return reader.object(value, [&](std::string_view name, ondemand::value item) {
      return name == "unschedulable" ? reader.flag(item, update.node.unschedulable) : true;
    });
  }
  return key == "status" ? read_node_status(reader, value, update.node) : true;
}

bool read_pod_uid(JsonReader& reader, ondemand::value value, std::string& uid) {
  uid.clear();
  return reader.object(value, [&](std::string_view key, ondemand::value item) {
    if (key != "metadata") {
      return true;
    }
    uid.clear();
    return reader.object(item, [&](std::string_view name, ondemand::value text) {
      return name == "uid" ? reader.text(text, uid) : true;
    });
  });
}

}  // namespace gpusched::extender
