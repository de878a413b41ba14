#include "gpusched/kube/mig_parted_config.hpp"

#include <map>
#include <set>

#include "gpusched/base/check.hpp"
#include "gpusched/kube/node_labels.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

namespace {

/// One entry per GPU: counts, since mig-parted knows no places.
std::string devices_yaml(const GpuLayout& gpu) {
  std::string text = "    - devices: [" + std::to_string(gpu.gpu) + "]\n" +
                     "      mig-enabled: " + (gpu.mig_enabled ? "true" : "false") + "\n";
  std::map<std::string, int> counts;
  for (const PlacedPartition& part : gpu.partitions) {
    if (part.range.size > 0) {
      ++counts[std::string(gpu_model(gpu.model).profiles[part.profile.value].name)];
    }
  }
  text += counts.empty() ? "      mig-devices: {}\n" : "      mig-devices:\n";
  for (const auto& [profile, count] : counts) {
    text += "        \"" + profile + "\": " + std::to_string(count) + "\n";
  }
  return text;
}

std::string config_yaml(const std::string& name, std::span<const GpuLayout> gpus, NodeId node) {
  std::map<std::uint16_t, std::string> by_device;
  for (const GpuLayout& gpu : gpus) {
    if (gpu.node == node) {
      by_device[gpu.gpu] = devices_yaml(gpu);
    }
  }
  std::string text = "  " + name + ":\n";
  for (const auto& [device, yaml] : by_device) {
    text += yaml;
  }
  return text;
}

NodeLabelStep label_step(const std::string& node, const std::string& config) {
  return {.node = node,
          .label = std::string(node_label::mig_config),
          .value = config,
          .wait_label = std::string(node_label::mig_config_state),
          .wait_value = "success"};
}

}  // namespace

Result<MigPartedChange> mig_parted_change(const ReshapePlan& plan, std::span<const std::string> node_names) {
  if (plan.actuation != Actuation::drain_gpu) {
    return Error{.code = ErrorCode::unsupported,
                 .message =
                     "mig-parted replaces the whole geometry of a GPU and cannot carry out a plan of single "
                     "instances",
                 .file = {},
                 .line = 0,
                 .remedy = "Plan with actuation drain-gpu"};
  }
  const Result<ReshapeState> end = state_after(plan, plan.steps.size());
  if (!end) {
    return end.error();
  }
  std::set<NodeId> nodes;
  for (const GpuLayout& gpu : plan.from.gpus) {
    nodes.insert(gpu.node);
  }
  MigPartedChange change;
  change.config_yaml = "version: v1\nmig-configs:\n";
  for (const NodeId node : nodes) {
    GPUSCHED_CHECK(node.value < node_names.size(), "a node of the plan has no name");
    const std::string& name = node_names[node.value];
    const std::string config =
        "gpusched-" + fingerprint_text(plan.fingerprint) + (nodes.size() == 1 ? "" : "-" + std::to_string(node.value));
    change.config_yaml += config_yaml(config, end.value().gpus, node);
    change.config_yaml += config_yaml(config + "-undo", plan.from.gpus, node);
    change.apply.push_back(label_step(name, config));
    change.undo.push_back(label_step(name, config + "-undo"));
  }
  return change;
}

}  // namespace gpusched
