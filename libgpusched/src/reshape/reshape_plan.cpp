#include "gpusched/reshape/reshape_plan.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

#include "reshape/step_rules.hpp"

namespace gpusched {

namespace {

bool starts_a_pod(const ReshapeStep& step) {
  return step.kind == ReshapeStepKind::move_pod || step.kind == ReshapeStepKind::start_pod;
}

ReshapeStep inverse(ReshapeStep step) {
  using Kind = ReshapeStepKind;
  switch (step.kind) {
    case Kind::create_instance:
      step.kind = Kind::destroy_instance;
      break;
    case Kind::destroy_instance:
      step.kind = Kind::create_instance;
      break;
    case Kind::move_pod:
      std::swap(step.at, step.to);
      break;
    case Kind::stop_pod:
      step.kind = Kind::start_pod;
      break;
    case Kind::start_pod:
      step.kind = Kind::stop_pod;
      break;
    case Kind::drain_gpu:
      step.kind = Kind::resume_gpu;
      break;
    case Kind::resume_gpu:
      step.kind = Kind::drain_gpu;
      break;
    case Kind::enable_mig:
      step.kind = Kind::disable_mig;
      break;
    case Kind::disable_mig:
      step.kind = Kind::enable_mig;
      break;
    case Kind::restart_operator:
      break;
  }
  return step;
}

Error stale(const GpuLayout& was, const std::string& what) {
  return {.code = ErrorCode::invalid_argument,
          .message = "the plan is stale: node " + std::to_string(was.node.value) + ", GPU " + std::to_string(was.gpu) +
                     " " + what + " since it was made; nothing was applied",
          .file = {},
          .line = 0,
          .remedy = "Plan again from the present state"};
}

const GpuLayout* find_layout(std::span<const GpuLayout> layouts, NodeId node, std::uint16_t gpu) {
  const auto found = std::find_if(layouts.begin(), layouts.end(),
                                  [&](const GpuLayout& layout) { return layout.node == node && layout.gpu == gpu; });
  return found == layouts.end() ? nullptr : &*found;
}

/// A reset hits all GPUs of its node: the plan has to know them all.
Status check_resets(const ReshapePlan& plan, std::span<const GpuLayout> now) {
  for (const ReshapeStep& step : plan.steps) {
    for (const GpuLayout& gpu : now) {
      if (step.node_wide && gpu.node == step.at.node && find_layout(plan.from.gpus, gpu.node, gpu.gpu) == nullptr) {
        return Error{.code = ErrorCode::invalid_argument,
                     .message = "the plan resets node " + std::to_string(gpu.node.value) +
                                " but does not drain its GPU " + std::to_string(gpu.gpu) + "; nothing was applied",
                     .file = {},
                     .line = 0,
                     .remedy = "Plan again with all GPUs of the node"};
      }
    }
  }
  return {};
}

}  // namespace

const char* to_string(Actuation actuation) {
  return actuation == Actuation::per_instance ? "per-instance" : "drain-gpu";
}

const char* to_string(ReshapeStepKind kind) {
  switch (kind) {
    case ReshapeStepKind::create_instance:
      return "create_instance";
    case ReshapeStepKind::destroy_instance:
      return "destroy_instance";
    case ReshapeStepKind::move_pod:
      return "move_pod";
    case ReshapeStepKind::stop_pod:
      return "stop_pod";
    case ReshapeStepKind::start_pod:
      return "start_pod";
    case ReshapeStepKind::drain_gpu:
      return "drain_gpu";
    case ReshapeStepKind::resume_gpu:
      return "resume_gpu";
    case ReshapeStepKind::enable_mig:
      return "enable_mig";
    case ReshapeStepKind::disable_mig:
      return "disable_mig";
    case ReshapeStepKind::restart_operator:
      return "restart_operator";
  }
  return "?";
}

int ReshapePlan::moved_pods() const {
  return static_cast<int>(std::count_if(steps.begin(), steps.end(), starts_a_pod));
}

int ReshapePlan::interrupted_pods() const {
  return static_cast<int>(std::count_if(
      steps.begin(), steps.end(), [](const ReshapeStep& step) { return step.kind == ReshapeStepKind::stop_pod; }));
}

Status apply_step(ReshapeState& state, const ReshapeStep& step, Actuation actuation) {
  return reshape::carry_out(state, step, actuation);
}

Result<ReshapeState> state_after(const ReshapePlan& plan, std::size_t count) {
  GPUSCHED_CHECK(count <= plan.steps.size(), "a plan has no step " + std::to_string(count));
  ReshapeState state = plan.from;
  for (std::size_t i = 0; i < count; ++i) {
    if (const Status applied = apply_step(state, plan.steps[i], plan.actuation); !applied) {
      return applied.error();
    }
  }
  return state;
}

Status check_plan(const ReshapePlan& plan, std::span<const GpuLayout> now) {
  for (const GpuLayout& was : plan.from.gpus) {
    const GpuLayout* found = find_layout(now, was.node, was.gpu);
    if (found == nullptr) {
      return stale(was, "has gone");
    }
    if (!(*found == was)) {
      return stale(was, "has changed");
    }
  }
  if (const Status covered = check_resets(plan, now); !covered) {
    return covered;
  }
  if (fingerprint(plan.from.gpus) != plan.fingerprint) {
    return Error{.code = ErrorCode::data_loss,
                 .message = "the plan's fingerprint " + std::to_string(plan.fingerprint) +
                            " is not that of the state it starts from; nothing was applied",
                 .file = {},
                 .line = 0,
                 .remedy = "Plan again from the present state"};
  }
  const Result<ReshapeState> end = state_after(plan, plan.steps.size());
  if (!end) {
    return end.error();
  }
  if (!end.value().stopped.empty()) {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "the plan leaves pod " + std::to_string(end.value().stopped.front().pod.value) + " stopped",
                 .file = {},
                 .line = 0,
                 .remedy = {}};
  }
  return {};
}

ReshapePlan undo(const ReshapePlan& plan, std::size_t done, const ReshapeDurations& durations) {
  ReshapePlan back;
  back.actuation = plan.actuation;
  back.from = state_after(plan, done).value();
  back.fingerprint = fingerprint(back.from.gpus);
  const auto end = plan.steps.begin() + static_cast<std::ptrdiff_t>(done);
  std::transform(std::make_reverse_iterator(end), plan.steps.rend(), std::back_inserter(back.steps), inverse);
  back.cost = cost_of(back, durations);
  return back;
}

std::string to_text(const ReshapeStep& step, std::span<const GpuLayout> layouts) {
  const auto name = [&](const PartitionPlace& place) {
    const GpuLayout* gpu = find_layout(layouts, place.node, place.gpu);
    GPUSCHED_CHECK(gpu != nullptr, "a step is on a GPU outside its plan");
    return partition_name(gpu->model, place.profile, place.range);
  };
  const auto device = [](const PartitionPlace& place) {
    return "node " + std::to_string(place.node.value) + " GPU " + std::to_string(place.gpu);
  };
  const std::string pod = "pod " + std::to_string(step.pod.value);
  const std::string where = device(step.at) + ": ";
  switch (step.kind) {
    case ReshapeStepKind::create_instance:
      return where + "create " + name(step.at);
    case ReshapeStepKind::destroy_instance:
      return where + "destroy " + name(step.at);
    case ReshapeStepKind::move_pod:
      return where + "move " + pod + " from " + name(step.at) + " to " + name(step.to) +
             (step.at.node == step.to.node && step.at.gpu == step.to.gpu ? "" : " on " + device(step.to)) +
             ": start it there, then end it here";
    case ReshapeStepKind::stop_pod:
      return where + "stop " + pod + " in " + name(step.at);
    case ReshapeStepKind::start_pod:
      return where + "start " + pod + " in " + name(step.at);
    case ReshapeStepKind::drain_gpu:
      return where + "drain: no newcomers";
    case ReshapeStepKind::resume_gpu:
      return where + "resume: newcomers again";
    case ReshapeStepKind::enable_mig:
      return where + "enable MIG" + (step.node_wide ? ", which resets all GPUs of the node" : "");
    case ReshapeStepKind::disable_mig:
      return where + "disable MIG" + (step.node_wide ? ", which resets all GPUs of the node" : "");
    case ReshapeStepKind::restart_operator:
      return "node " + std::to_string(step.at.node.value) + ": restart device plugin and operator pods";
  }
  return {};
}

}  // namespace gpusched
