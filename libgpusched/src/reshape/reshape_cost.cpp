#include "gpusched/reshape/reshape_cost.hpp"

#include <set>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/reshape/reshape_plan.hpp"

#include "reshape/step_rules.hpp"

namespace gpusched {

namespace {

using Kind = ReshapeStepKind;
using Term = TimeNs ReshapeTerms::*;

/// Walks the plan and adds up what each step takes, and what the pods that are stopped meanwhile lose.
class CostWalk {
 public:
  CostWalk(const ReshapePlan& plan, const ReshapeDurations& durations)
      : plan_(plan), durations_(durations), state_(plan.from) {
    for (const ReshapeState::StoppedPod& pod : state_.stopped) {
      stopped_milli_ += share_milli(plan.from.gpus.front().model, pod.range);
    }
  }

  ReshapeCost run() {
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      add(plan_.steps[i], i > 0 && plan_.steps[i - 1].kind == plan_.steps[i].kind);
    }
    return cost_;
  }

 private:
  static std::int64_t share_milli(GpuModelId model, SliceRange range) {
    return range.size == 0 ? milli_per_unit : milli_per_unit * range.size / gpu_model(model).placement_units;
  }
  GpuModelId model(const ReshapeStep& step) { return reshape::find_gpu(state_, step.at)->model; }

  void spend(Term term, TimeNs elapsed) {
    cost_.elapsed.*term += elapsed;
    cost_.lost_gpu.*term += elapsed * stopped_milli_ / milli_per_unit;
  }
  void lose(Term term, TimeNs time, std::int64_t share) { cost_.lost_gpu.*term += time * share / milli_per_unit; }

  /// `side_by_side`: the step before was of the same kind. Pods that end, and pods that start, do not wait for each
  /// other.
  void add(const ReshapeStep& step, bool side_by_side) {
    const std::int64_t share = share_milli(model(step), step.at.range);
    switch (step.kind) {
      case Kind::create_instance:
        change_geometry(step, durations_.create_ns);
        break;
      case Kind::destroy_instance:
        change_geometry(step, durations_.destroy_ns);
        break;
      case Kind::move_pod:
        spend(&ReshapeTerms::job_restart_ns, durations_.job_restart_ns);
        lose(&ReshapeTerms::job_restart_ns, durations_.job_restart_ns, share);
        break;
      case Kind::stop_pod:
        spend(&ReshapeTerms::drain_ns, side_by_side ? 0 : durations_.drain_ns);
        lose(&ReshapeTerms::drain_ns, durations_.drain_ns, share);
        stopped_milli_ += share;
        break;
      case Kind::start_pod:
        stopped_milli_ -= share;
        cost_.elapsed.job_restart_ns += side_by_side ? 0 : durations_.job_restart_ns;
        lose(&ReshapeTerms::job_restart_ns, durations_.job_restart_ns, share);
        break;
      case Kind::enable_mig:
      case Kind::disable_mig:
        spend(&ReshapeTerms::mode_toggle_ns,
              durations_.mode_toggle_ns + (gpu_model(model(step)).mig_toggle_needs_reset ? durations_.reset_ns : 0));
        break;
      case Kind::restart_operator:
        spend(&ReshapeTerms::operator_restart_ns, durations_.operator_restart_ns);
        break;
      case Kind::drain_gpu:
      case Kind::resume_gpu:
        break;
    }
  }

  void change_geometry(const ReshapeStep& step, TimeNs by_driver) {
    if (plan_.actuation == Actuation::per_instance) {
      spend(&ReshapeTerms::geometry_ns, by_driver);
    } else if (applied_.insert({step.at.node, step.at.gpu}).second) {
      spend(&ReshapeTerms::geometry_ns, durations_.apply_geometry_ns);
    }
  }

  const ReshapePlan& plan_;
  const ReshapeDurations& durations_;
  ReshapeState state_;  // for the models of its GPUs; steps are not carried out
  std::int64_t stopped_milli_ = 0;
  std::set<std::pair<NodeId, std::uint16_t>> applied_;  // GPUs whose geometry mig-parted has applied
  ReshapeCost cost_;
};

}  // namespace

ReshapeCost cost_of(const ReshapePlan& plan, const ReshapeDurations& durations) {
  return plan.from.gpus.empty() ? ReshapeCost{} : CostWalk(plan, durations).run();
}

}  // namespace gpusched
