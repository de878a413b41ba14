#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gpusched/extender/wire.hpp"

#include "wire/json_reader.hpp"

/// Pods and Nodes out of simdjson values. All return false on an error, which the reader keeps.
namespace gpusched::extender {

/// What a JSON patch must know of a pod.
struct PodShape {
  bool has_annotations = false;
  std::vector<ContainerShape> containers;
};

/// Sets the pod anew: of a repeated key the last one counts. `shape` may be nullptr.
bool read_pod(JsonReader& reader, ondemand::value value, PodObject& pod, PodShape* shape);

/// One field of the Pod itself; finish_pod() when all have been read.
bool read_pod_field(JsonReader& reader, std::string_view key, ondemand::value value, PodObject& pod, PodShape* shape);
void finish_pod(PodObject& pod);

/// One field of a Node.
bool read_node_field(JsonReader& reader, std::string_view key, ondemand::value value, NodeUpdate& node);

/// metadata.uid of a pod, everything else skipped.
bool read_pod_uid(JsonReader& reader, ondemand::value value, std::string& uid);

}  // namespace gpusched::extender
