#include <array>
#include <iomanip>
#include <iostream>
#include <utility>

#include "gpusched/io/reshape_plan_json.hpp"
#include "gpusched/kube/gpu_layout_text.hpp"
#include "gpusched/kube/mig_parted_config.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/reshape_planner.hpp"

#include "commands.hpp"

namespace gpusched::cli {

namespace {

Error refusal(ErrorCode code, std::string message, std::string remedy) {
  return {.code = code, .message = std::move(message), .file = {}, .line = 0, .remedy = std::move(remedy)};
}

Result<GpuLayout> layout_of(const ReshapeArguments& arguments) {
  const Result<GpuModelId> model = find_gpu_model(arguments.model);
  if (!model) {
    return model.error();
  }
  if (!gpu_model(model.value()).has_lattice()) {
    return refusal(ErrorCode::unsupported, arguments.model + ": " + std::string(gpu_model(model.value()).mig_refusal),
                   "`gpusched-sim list models` names those that have it");
  }
  Result<GpuLayout> layout = parse_gpu_layout(model.value(), arguments.layout, arguments.pinned, arguments.idle);
  if (layout && arguments.mig_off && !layout.value().partitions.empty()) {
    return refusal(ErrorCode::invalid_argument, "--mig-off with instances " + arguments.layout,
                   "Leave --layout out: a GPU has no instances while its MIG mode is off");
  }
  if (layout) {
    layout.value().gpu = static_cast<std::uint16_t>(arguments.gpu);
    layout.value().mig_enabled = !arguments.mig_off;
  }
  return layout;
}

Result<ReshapeAnswer> answer_for(const ReshapeArguments& arguments, const GpuLayout& layout) {
  ReshapePlanOptions options;
  options.actuation = arguments.actuation == "drain-gpu" ? Actuation::drain_gpu : Actuation::per_instance;
  options.most_moved_pods = arguments.max_moves;
  if (arguments.need.empty()) {
    const Result<std::vector<PlacedPartition>> target = parse_instances(layout.model, arguments.target);
    return target ? plan_layout({&layout, 1}, 0, target.value(), options) : target.error();
  }
  const Result<MigProfileId> need = parse_profile(layout.model, arguments.need);
  return need ? plan_room({&layout, 1}, 0, need.value(), options) : need.error();
}

void print_layout(const char* title, const GpuLayout& layout) {
  std::cout << title << (layout.mig_enabled ? "" : " MIG off");
  for (const PlacedPartition& part : layout.partitions) {
    std::cout << " " << partition_name(layout.model, part.profile, part.range);
    if (part.use != PartitionUse::idle) {
      std::cout << "(pod " << part.pod.value << (part.use == PartitionUse::pinned ? ", pinned)" : ")");
    }
  }
  std::cout << (layout.mig_enabled && layout.partitions.empty() ? " empty\n" : "\n");
}

void print_text(const ReshapePlan& plan) {
  print_layout("from: ", plan.from.gpus.front());
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    std::cout << std::setw(4) << i + 1 << ". " << to_text(plan.steps[i], plan.from.gpus) << "\n";
  }
  print_layout("to:   ", state_after(plan, plan.steps.size()).value().gpus.front());
  const std::array<std::pair<const char*, TimeNs ReshapeTerms::*>, 5> terms{
      {{"drain", &ReshapeTerms::drain_ns},
       {"MIG mode", &ReshapeTerms::mode_toggle_ns},
       {"geometry", &ReshapeTerms::geometry_ns},
       {"operator restart", &ReshapeTerms::operator_restart_ns},
       {"job restart", &ReshapeTerms::job_restart_ns}}};
  std::cout << "pods that start again: " << plan.moved_pods()
            << ", stopped before their new place is there: " << plan.interrupted_pods()
            << "\n  seconds              elapsed  GPU lost\n"
            << std::fixed << std::setprecision(3);
  const auto seconds = [](TimeNs time) { return static_cast<double>(time) / static_cast<double>(ns_per_s); };
  const auto row = [&](const char* name, TimeNs elapsed, TimeNs lost) {
    std::cout << "  " << std::left << std::setw(18) << name << std::right << std::setw(10) << seconds(elapsed)
              << std::setw(10) << seconds(lost) << "\n";
  };
  for (const auto& [name, term] : terms) {
    row(name, plan.cost.elapsed.*term, plan.cost.lost_gpu.*term);
  }
  row("sum", plan.cost.elapsed.total_ns(), plan.cost.lost_gpu.total_ns());
  std::cout << "state fingerprint " << fingerprint_text(plan.fingerprint) << "\n";
}

void print_labels(const char* title, const std::vector<NodeLabelStep>& steps) {
  for (const NodeLabelStep& step : steps) {
    std::cout << "# " << title << ": kubectl label node " << step.node << " " << step.label << "=" << step.value
              << " --overwrite\n#   then wait for " << step.wait_label << "=" << step.wait_value
              << ", with a timeout\n";
  }
}

Status print_mig_parted(const ReshapePlan& plan, const std::string& node) {
  const Result<MigPartedChange> change = mig_parted_change(plan, {&node, 1});
  if (!change) {
    return change.error();
  }
  std::cout << change.value().config_yaml
            << "# MIG manager neither cordons the node nor evicts pods: do both before the label is set.\n";
  print_labels("apply", change.value().apply);
  print_labels("undo", change.value().undo);
  return {};
}

}  // namespace

Status reshape(const ReshapeArguments& arguments) {
  const Result<GpuLayout> layout = layout_of(arguments);
  if (!layout) {
    return layout.error();
  }
  const Result<ReshapeAnswer> answer = answer_for(arguments, layout.value());
  if (!answer) {
    return answer.error();
  }
  if (!answer.value().plan) {
    return refusal(ErrorCode::unsupported, answer.value().reason, "");
  }
  const ReshapePlan& plan = *answer.value().plan;
  if (arguments.format == "mig-parted") {
    return print_mig_parted(plan, arguments.node);
  }
  if (arguments.format == "json") {
    std::cout << write_reshape_plan(plan);
  } else {
    print_text(plan);
  }
  return {};
}

}  // namespace gpusched::cli
