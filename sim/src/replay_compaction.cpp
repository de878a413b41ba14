// Compactions: GPUs are emptied, one pod after the other, so that what is free lies together.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "gpusched/reshape/compaction.hpp"

#include "replay.hpp"

namespace gpusched::sim {

namespace {

/// Where a job never ends, what its refusal loses.
constexpr TimeNs endless_job_loss_ns = 3600 * ns_per_s;

/// What the drift of the demand is measured over: a profile, a number of GPUs, or a class where the job states intent.
std::string demand_kind(const GpuRequest& request) {
  return states_intent(request) ? "class " + std::to_string(static_cast<int>(request.job_class)) : kind_name(request);
}

}  // namespace

const char* to_string(ReshapeTrigger trigger) {
  constexpr std::array<const char*, reshape_trigger_count> names = {"block", "period", "drift"};
  return names[static_cast<std::size_t>(trigger)];
}

void Replay::build_triggers() {
  const CompactionTriggers& triggers = options_.reshape.compaction;
  std::map<std::string, std::uint32_t> kinds;
  std::vector<std::int64_t> weights;
  for (const JobSpec& spec : trace_.specs) {
    // An integer from here on: mixes and losses are compared.
    size_milli_of_spec_.push_back(std::llround(1000 * request_size(spec.request, trace_)));
    const auto [kind, is_new] = kinds.emplace(demand_kind(spec.request), static_cast<std::uint32_t>(kinds.size()));
    if (is_new) {
      weights.push_back(size_milli_of_spec_.back());
    }
    kind_of_spec_.push_back(kind->second);
  }
  if (triggers.on_drift) {
    drift_.emplace(triggers.drift, triggers.drift_window, std::move(weights));
  }
  compact_later();
  if (options_.reshape.gate) {
    ReshapeGateOptions without_cool_down = *options_.reshape.gate;
    without_cool_down.cool_down_ns = 0;  // the pods that are moved have one of their own
    gates_.emplace(
        Gates{.compaction = LossAccount(*options_.reshape.gate), .on_block = LossAccount(without_cool_down)});
  }
}

void Replay::compact_later() {
  const TimeNs every_ns = options_.reshape.compaction.every_ns;
  // After the last arrival the cluster only drains.
  if (every_ns > 0 && !arrivals_.empty() && now_ + every_ns <= units_[arrivals_.back()].submit_ns) {
    schedule(now_ + every_ns, Kind::compact, 0, 0);
  }
}

void Replay::follow_demand(std::uint32_t unit) {
  if (drift_ && drift_->arrive(kind_of_spec_[spec_of_pod_[pods_of(unit)[0].value]])) {
    ++result_.summary.triggers.drifts;
    compact(ReshapeTrigger::drift);
  }
}

std::vector<GpuLayout> Replay::layouts() const {
  const auto may_move = [&](PodId pod) { return engine_.may_move(pod, now_); };
  std::vector<GpuLayout> layouts;
  const std::span<const Node> nodes = engine_.state().nodes();
  for (std::uint32_t id = 0; id < nodes.size(); ++id) {
    if (nodes[id].removed || !nodes[id].takes_mig || !nodes[id].state.schedulable) {
      continue;
    }
    for (std::size_t gpu = 0; gpu < nodes[id].state.gpus.size(); ++gpu) {
      layouts.push_back(layout_of(engine_.state(), NodeId{id}, static_cast<std::uint16_t>(gpu), may_move));
    }
  }
  return layouts;
}

void Replay::compact(ReshapeTrigger trigger) {
  const int pods_left = budget_.pods_left(now_);
  if (compaction_ || pods_left == 0) {
    return;
  }
  CompactionOptions options;
  options.durations.job_restart_ns = options_.reshape.delay_ns > 0 ? options_.reshape.restart_ns : 0;
  options.most_moved_pods = pods_left;
  const Result<CompactionPlan> planned = plan_compaction(layouts(), options);
  GPUSCHED_CHECK(planned.ok(), planned.error().to_string());
  const ReshapePlan& plan = planned.value().plan;
  if (planned.value().emptied.empty()) {
    return;
  }
  if (gates_ && !gates_->compaction.opens(now_, plan.cost.lost_gpu.total_ns())) {
    ++result_.summary.triggers.gate_refusals;
    return;
  }
  if (gates_) {
    gates_->compaction.reshaped(now_);
  }
  budget_.add_moved(now_, plan.moved_pods());
  ++result_.summary.triggers.compactions;
  begin_compaction(plan, trigger);
}

void Replay::begin_compaction(const ReshapePlan& plan, ReshapeTrigger trigger) {
  compaction_.emplace();
  compaction_->trigger = trigger;
  for (const ReshapeStep& step : plan.steps) {
    if (step.kind != ReshapeStepKind::move_pod) {
      continue;  // instances come and go with their pods here
    }
    PodMove move{.pod = step.pod, .from = engine_.state().pod(step.pod)->placement, .to = {}};
    move.to = move.from;
    move.to.node = step.to.node;
    move.to.gpus[0].gpu = step.to.gpu;
    move.to.gpus[0].range = step.to.range;
    const PartitionPlace& at = step.at;
    if (compaction_->gpus.empty() || compaction_->gpus.back().node != at.node ||
        compaction_->gpus.back().gpu != at.gpu) {
      compaction_->gpus.push_back({.node = at.node, .gpu = at.gpu, .moves = {}});
    }
    compaction_->gpus.back().moves.push_back(std::move(move));
  }
  go_on_compacting();
}

void Replay::go_on_compacting() {
  while (compaction_->next_gpu < compaction_->gpus.size()) {
    if (begin_next_move()) {
      return;
    }
    const EmptiedGpu& gpu = compaction_->gpus[compaction_->next_gpu];
    if (compaction_->holds_gpu) {
      observe({now_, GpuReleased{.node = gpu.node, .gpu = gpu.gpu}});
      meter_.update(engine_.state(), gpu.node);
      result_.summary.triggers.emptied_gpus +=
          engine_.state().node(gpu.node).state.gpus[gpu.gpu].mig_occupancy == 0 ? 1 : 0;
      resources_freed_ = true;
    }
    compaction_->holds_gpu = false;
    compaction_->next_move = 0;
    ++compaction_->next_gpu;
  }
  compaction_.reset();
}

bool Replay::begin_next_move() {
  Compaction& compaction = *compaction_;
  const EmptiedGpu& gpu = compaction.gpus[compaction.next_gpu];
  while (compaction.next_move < gpu.moves.size() && has_left(gpu.moves[compaction.next_move])) {
    ++compaction.next_move;
  }
  if (compaction.next_move == gpu.moves.size()) {
    return false;
  }
  const PodMove& move = gpu.moves[compaction.next_move];
  if (!engine_.check_move(move, now_) || (!compaction.holds_gpu && !is_still_to_be_emptied(gpu))) {
    return false;  // the world has changed: what is left of this GPU would be moved for nothing
  }
  ++compaction.next_move;
  if (!compaction.holds_gpu) {
    observe({now_, GpuHeld{.node = gpu.node, .gpu = gpu.gpu}});  // no newcomers while it is emptied
    compaction.holds_gpu = true;
  }
  start_move({.move = move, .freed = {}, .unit = no_unit, .trigger = compaction.trigger});
  return true;
}

bool Replay::has_left(const PodMove& move) const {
  const PodRecord* record = engine_.state().pod(move.pod);
  return record == nullptr || !record->holds_resources();
}

bool Replay::is_still_to_be_emptied(const EmptiedGpu& gpu) const {
  std::uint16_t planned = 0;
  for (const PodMove& move : gpu.moves) {
    planned = static_cast<std::uint16_t>(planned | move.from.gpus[0].range.mask());
  }
  const GpuState& state = engine_.state().node(gpu.node).state.gpus[gpu.gpu];
  return !state.held && (state.mig_occupancy & ~planned) == 0;
}

void Replay::end_compaction_move(bool failed) {
  if (failed) {  // its pod stays, and with it the GPU as it is
    compaction_->next_move = compaction_->gpus[compaction_->next_gpu].moves.size();
  }
  go_on_compacting();
}

bool Replay::waits_for_gate(std::uint32_t unit, const ReshapeThenBind& decision) {
  const std::int64_t moved_milli = size_milli_of_spec_[spec_of_pod_[decision.move.pod.value]];
  const bool restarts =
      options_.reshape.delay_ns > 0 && request_of(unit_of_pod_[decision.move.pod.value]).job_class == JobClass::batch;
  if (!gates_ || !restarts) {
    return false;  // what costs nothing needs no gate
  }
  const TimeNs cost_ns = options_.reshape.restart_ns / 1000 * moved_milli;
  note_loss(gates_->on_block, unit);
  if (gates_->on_block.opens(now_, cost_ns)) {
    gates_->on_block.reshaped(now_);
    return false;
  }
  ++result_.summary.triggers.gate_refusals;
  note_loss(gates_->compaction, unit);
  return true;
}

void Replay::note_refusal(std::uint32_t unit, const Decision& why) {
  if (!gates_) {
    return;
  }
  gates_->on_block.unblock(unit, now_);
  const std::uint32_t spec = spec_of_pod_[pods_of(unit)[0].value];
  const bool curable = std::holds_alternative<Wait>(why) && units_[unit].pod_count == 1 &&
                       engine_.free_units_suffice(class_of_spec_[spec]);
  if (curable) {
    note_loss(gates_->compaction, unit);
  } else {
    gates_->compaction.unblock(unit, now_);
  }
}

void Replay::note_loss(LossAccount& account, std::uint32_t unit) {
  const std::int64_t size_milli = size_milli_of_spec_[spec_of_pod_[pods_of(unit)[0].value]];
  if (options_.queue != QueueDiscipline::reject) {
    account.block(unit, size_milli, now_);
    return;
  }
  const TimeNs duration_ns = duration_of(unit);
  account.lose(now_, (duration_ns < 0 ? endless_job_loss_ns : duration_ns) / 1000 * size_milli);
}

void Replay::forget_loss(std::uint32_t unit) {
  if (gates_) {
    gates_->on_block.unblock(unit, now_);
    gates_->compaction.unblock(unit, now_);
  }
}

}  // namespace gpusched::sim
