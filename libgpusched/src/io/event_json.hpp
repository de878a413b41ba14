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

/// Nodes by number, in the order in which the log adds them: "0-499,612". Reading them back knows only known nodes.
std::string to_ranges(std::span<const NodeId> scope);
Result<std::vector<NodeId>> scope_from_ranges(std::string_view text, const ClusterState& state);

/// The decision line without its newline; the same function writes logs and checks them.
std::string decision_line(const ClusterState& state, TimeNs now, std::span<const std::string> pods,
                          std::span<const Decision> decisions, const PodNamer& pod_name,
                          std::optional<std::span<const NodeId>> scope = std::nullopt);

}  // namespace gpusched::io
