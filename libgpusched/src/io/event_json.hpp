#pragma once

#include <span>

#include <nlohmann/json.hpp>

#include "gpusched/base/result.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/io/event_log.hpp"

namespace gpusched::io {

using Json = nlohmann::ordered_json;

Json to_json(const GpuRequest& request);
Result<GpuRequest> request_from_json(const Json& json);

Json to_json(const NodeSpec& node);
Result<NodeSpec> node_from_json(const Json& json);

Json to_json(const Candidate& place, const ClusterState& state);
Result<Candidate> candidate_from_json(const Json& json, const ClusterState& state);

Json to_json(const EngineOptions& options);
Result<EngineOptions> options_from_json(const Json& json);

/// The decision line without its newline; the same function writes logs and checks them.
std::string decision_line(const ClusterState& state, TimeNs now, std::span<const std::string> pods,
                          std::span<const Decision> decisions, const PodNamer& pod_name);

}  // namespace gpusched::io
