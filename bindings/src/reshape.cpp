#include <limits>
#include <utility>

#include "gpusched/io/reshape_plan_json.hpp"
#include "gpusched/kube/gpu_layout_text.hpp"
#include "gpusched/kube/mig_parted_config.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/reshape_planner.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

[[noreturn]] void refuse(ErrorCode code, std::string message, std::string remedy) {
  raise({.code = code, .message = std::move(message), .file = {}, .line = 0, .remedy = std::move(remedy)});
}

GpuLayout layout_of(const std::string& name, const std::string& instances, const std::string& pinned,
                    const std::string& idle, bool mig_enabled) {
  const GpuModelId model = unwrap(find_gpu_model(name));
  if (!gpu_model(model).has_lattice()) {
    refuse(ErrorCode::unsupported, name + ": " + std::string(gpu_model(model).mig_refusal),
           "gpu_models() lists those that have it");
  }
  GpuLayout layout = unwrap(parse_gpu_layout(model, instances, pinned, idle));
  if (!mig_enabled && !layout.partitions.empty()) {
    refuse(ErrorCode::invalid_argument, "mig_enabled=False with instances " + instances,
           "Leave layout out: a GPU has no instances while its MIG mode is off");
  }
  layout.mig_enabled = mig_enabled;
  return layout;
}

ReshapePlan plan_reshape(const std::string& model, const std::string& instances, const std::string& pinned,
                         const std::string& idle, bool mig_enabled, const std::optional<std::string>& need,
                         const std::string& target, bool drains, std::optional<int> most_moves) {
  const GpuLayout layout = layout_of(model, instances, pinned, idle, mig_enabled);
  ReshapePlanOptions options;
  options.actuation = drains ? Actuation::drain_gpu : Actuation::per_instance;
  options.most_moved_pods = most_moves.value_or(std::numeric_limits<int>::max());
  ReshapeAnswer answer =
      need ? unwrap(plan_room({&layout, 1}, 0, unwrap(parse_profile(layout.model, *need)), options))
           : unwrap(plan_layout({&layout, 1}, 0, unwrap(parse_instances(layout.model, target)), options));
  if (!answer.plan) {
    refuse(ErrorCode::unsupported, answer.reason, {});
  }
  return *std::move(answer.plan);
}

py::list instances_of(const GpuLayout& layout) {
  py::list names;
  for (const PlacedPartition& part : layout.partitions) {
    names.append(partition_name(layout.model, part.profile, part.range));
  }
  return names;
}

py::dict terms_of(const ReshapeTerms& terms) {
  const auto seconds = [](TimeNs time) { return static_cast<double>(time) / static_cast<double>(ns_per_s); };
  py::dict dict;
  dict["drain_s"] = seconds(terms.drain_ns);
  dict["mode_toggle_s"] = seconds(terms.mode_toggle_ns);
  dict["geometry_s"] = seconds(terms.geometry_ns);
  dict["operator_restart_s"] = seconds(terms.operator_restart_ns);
  dict["job_restart_s"] = seconds(terms.job_restart_ns);
  return dict;
}

py::list labels_of(const std::vector<NodeLabelStep>& steps) {
  py::list list;
  for (const NodeLabelStep& step : steps) {
    list.append(py::dict(py::arg("node") = step.node, py::arg("label") = step.label, py::arg("value") = step.value,
                         py::arg("wait_label") = step.wait_label, py::arg("wait_value") = step.wait_value));
  }
  return list;
}

}  // namespace

void bind_reshape(py::module_& module) {
  py::class_<ReshapePlan>(module, "ReshapePlan")
      .def_property_readonly("steps",
                             [](const ReshapePlan& plan) {
                               py::list list;
                               for (const ReshapeStep& step : plan.steps) {
                                 list.append(py::make_tuple(to_string(step.kind), to_text(step, plan.from.gpus)));
                               }
                               return list;
                             })
      .def_property_readonly("before", [](const ReshapePlan& plan) { return instances_of(plan.from.gpus.front()); })
      .def_property_readonly("after",
                             [](const ReshapePlan& plan) {
                               return instances_of(unwrap(state_after(plan, plan.steps.size())).gpus.front());
                             })
      .def_property_readonly("moved_pods", &ReshapePlan::moved_pods)
      .def_property_readonly("interrupted_pods", &ReshapePlan::interrupted_pods)
      .def_property_readonly("elapsed", [](const ReshapePlan& plan) { return terms_of(plan.cost.elapsed); })
      .def_property_readonly("lost_gpu", [](const ReshapePlan& plan) { return terms_of(plan.cost.lost_gpu); })
      .def("to_json", &write_reshape_plan)
      .def(
          "mig_parted",
          [](const ReshapePlan& plan, const std::string& node) {
            const MigPartedChange change = unwrap(mig_parted_change(plan, {&node, 1}));
            return py::make_tuple(change.config_yaml, labels_of(change.apply), labels_of(change.undo));
          },
          py::arg("node"));
  module.def("plan_reshape", &plan_reshape, py::arg("model"), py::arg("layout"), py::arg("pinned"), py::arg("idle"),
             py::arg("mig_enabled"), py::arg("need"), py::arg("target"), py::arg("drains"), py::arg("most_moves"));
}

}  // namespace gpusched::python
