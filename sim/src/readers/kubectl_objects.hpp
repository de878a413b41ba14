#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "gpusched/base/result.hpp"
#include "gpusched/kube/pod_request.hpp"
#include "gpusched/sim/trace.hpp"

namespace gpusched::sim {

using Json = nlohmann::json;

/// Access that never throws: a missing or differently typed member is nullptr or empty.
const Json* find_member(const Json& object, std::string_view name);
const Json* find_path(const Json& object, std::initializer_list<std::string_view> path);
std::string_view text_at(const Json& object, std::initializer_list<std::string_view> path);
std::vector<std::pair<std::string, std::string>> texts_at(const Json& object,
                                                          std::initializer_list<std::string_view> path);

/// Whether GTF can write the entries as `k=v|k=v`; Kubernetes' own rules for labels are stricter.
bool can_be_map(const std::vector<std::pair<std::string, std::string>>& texts);

/// Why a Kubernetes object does not become a row.
struct ObjectProblem {
  std::string reason;
  std::string message;
  bool is_fatal = false;  ///< an unknown GPU model: reading stops
  std::string remedy;
};

/// A node as its labels and resources describe it; `problem` is set where they do not suffice.
TraceNode node_of(const Json& object, std::optional<ObjectProblem>& problem);

bool is_ready(const Json& node);
bool is_unschedulable(const Json& node);

/// The parts of a pod that decide what it asks for.
PodSpec pod_spec_of(const Json& object);

}  // namespace gpusched::sim
