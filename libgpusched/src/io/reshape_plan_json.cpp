#include "gpusched/io/reshape_plan_json.hpp"

#include <algorithm>

#include "gpusched/model/gpu_catalog.hpp"

#include "io/json_fields.hpp"

namespace gpusched {

using io::Json;

namespace {

constexpr int format_version = 1;

const char* use_name(PartitionUse use) {
  switch (use) {
    case PartitionUse::idle:
      return "idle";
    case PartitionUse::movable:
      return "movable";
    case PartitionUse::pinned:
      return "pinned";
  }
  return "?";
}

Json gpu_json(const GpuLayout& gpu) {
  Json json = {{"node", gpu.node.value},
               {"gpu", gpu.gpu},
               {"model", gpu_model(gpu.model).name},
               {"mig_enabled", gpu.mig_enabled},
               {"drained", gpu.drained}};
  json["partitions"] = Json::array();
  for (const PlacedPartition& part : gpu.partitions) {
    Json entry = {{"use", use_name(part.use)}};
    if (part.range.size > 0) {
      entry["profile"] = gpu_model(gpu.model).profiles[part.profile.value].name;
      entry["start"] = part.range.start;
      entry["size"] = part.range.size;
    }
    if (part.pod.valid()) {
      entry["pod"] = part.pod.value;
    }
    json["partitions"].push_back(std::move(entry));
  }
  return json;
}

Json place_json(const ReshapePlan& plan, const PartitionPlace& place) {
  Json json = {{"node", place.node.value}, {"gpu", place.gpu}};
  const auto gpu = std::find_if(plan.from.gpus.begin(), plan.from.gpus.end(), [&](const GpuLayout& layout) {
    return layout.node == place.node && layout.gpu == place.gpu;
  });
  if (place.range.size > 0) {
    json["profile"] = gpu_model(gpu->model).profiles[place.profile.value].name;
    json["start"] = place.range.start;
  }
  return json;
}

Json step_json(const ReshapePlan& plan, const ReshapeStep& step) {
  Json json = {{"step", to_string(step.kind)}, {"at", place_json(plan, step.at)}};
  if (step.kind == ReshapeStepKind::move_pod) {
    json["to"] = place_json(plan, step.to);
  }
  if (step.pod.valid()) {
    json["pod"] = step.pod.value;
  }
  if (step.node_wide) {
    json["node_wide"] = true;
  }
  return json;
}

Json terms_json(const ReshapeTerms& terms) {
  return {{"drain_ns", terms.drain_ns},
          {"mode_toggle_ns", terms.mode_toggle_ns},
          {"geometry_ns", terms.geometry_ns},
          {"operator_restart_ns", terms.operator_restart_ns},
          {"job_restart_ns", terms.job_restart_ns},
          {"total_ns", terms.total_ns()}};
}

}  // namespace

std::string write_reshape_plan(const ReshapePlan& plan) {
  Json json = {{"version", format_version},
               {"actuation", to_string(plan.actuation)},
               {"fingerprint", fingerprint_text(plan.fingerprint)},
               {"moved_pods", plan.moved_pods()},
               {"interrupted_pods", plan.interrupted_pods()}};
  json["from"] = Json::array();
  for (const GpuLayout& gpu : plan.from.gpus) {
    json["from"].push_back(gpu_json(gpu));
  }
  json["steps"] = Json::array();
  for (const ReshapeStep& step : plan.steps) {
    json["steps"].push_back(step_json(plan, step));
  }
  json["cost"] = {{"elapsed", terms_json(plan.cost.elapsed)}, {"lost_gpu", terms_json(plan.cost.lost_gpu)}};
  return json.dump(2) + "\n";
}

}  // namespace gpusched
