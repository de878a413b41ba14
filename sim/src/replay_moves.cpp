#include <algorithm>
#include <utility>

#include "gpusched/base/philox.hpp"

#include "replay.hpp"

namespace gpusched::sim {

namespace {

/// Moves share the purpose of failures with the generators, but none of their streams.
constexpr std::uint64_t first_move_stream = std::uint64_t{1} << 32;

}  // namespace

void Replay::begin_move(std::uint32_t unit, const ReshapeThenBind& decision, bool waited) {
  const PodMove& move = decision.move;
  const Candidate& freed = decision.candidate;
  // Nobody else may take what becomes free.
  start_move(
      {.move = move, .freed = freed, .mode = decision.mode, .unit = unit, .run = units_[unit].run, .waited = waited});
  observe({now_, GpuHeld{.node = freed.node, .gpu = freed.gpus[0].gpu}});
  meter_.update(engine_.state(), freed.node);
  if (options_.reshape.rules.actuation == Actuation::drain_gpu) {
    pause_pods_on(freed.node, freed.gpus[0].gpu, move.pod);
    if (!(move.to.node == freed.node && move.to.gpus[0].gpu == freed.gpus[0].gpu)) {
      pause_pods_on(move.to.node, move.to.gpus[0].gpu, move.pod);
    }
  }
  leave_queue(unit);
}

void Replay::start_move(Move move) {
  observe({now_, PodMoveStarted{move.move}});
  meter_.update(engine_.state(), move.move.to.node);
  meter_.update(engine_.state(), move.move.from.node);
  schedule(now_ + options_.reshape.delay_ns, Kind::move, static_cast<std::uint32_t>(moves_.size()), 0);
  moves_.push_back(std::move(move));
  ++moves_open_;
}

void Replay::end_move(const Move& ended, std::uint32_t number) {
  const PodMove& move = ended.move;
  --moves_open_;
  const bool is_on_block = ended.unit != no_unit;
  if (is_on_block) {
    observe({now_, GpuReleased{.node = ended.freed.node, .gpu = ended.freed.gpus[0].gpu}});
  }
  const Candidate* target = engine_.state().moving_to(move.pod);
  // Else the pod has left meanwhile, and its places with it.
  const bool in_flight =
      target != nullptr && *target == move.to && engine_.state().pod(move.pod)->placement == move.from;
  bool failed = false;
  if (in_flight) {
    const bool drawn = Philox(options_.seed, StreamPurpose::failure, first_move_stream + number).next_unit() <
                       options_.reshape.failure;
    failed = drawn || !engine_.state().node(move.to.node).state.schedulable;
    if (failed) {
      observe({now_, PodMoveFailed{move}});
      ++result_.summary.reshapes_failed;
    } else {
      observe({now_, PodMoved{move}});
      settle_moved(move, ended.trigger);
    }
  }
  meter_.update(engine_.state(), move.to.node);
  meter_.update(engine_.state(), move.from.node);
  if (is_on_block) {
    start_after_move(ended, failed);
  } else {
    end_compaction_move(failed);
  }
  resources_freed_ = true;
}

void Replay::start_after_move(const Move& ended, bool failed) {
  if (units_[ended.unit].run != ended.run) {
    return;  // it gave up waiting
  }
  const ClusterState& state = engine_.state();
  if (!failed && state.node(ended.freed.node).state.schedulable &&
      state.check_placement(request_of(ended.unit), ended.freed, {}).ok()) {
    Bind bind;
    bind.candidate = ended.freed;
    bind.mode = ended.mode;
    decisions_.assign(1, bind);
    start(ended.unit, decisions_);
  } else if (options_.queue == QueueDiscipline::reject) {
    drop(ended.unit, JobOutcome::rejected);
  } else if (ended.waited) {
    enqueue(ended.unit);
  } else {
    wait(ended.unit);
  }
}

void Replay::settle_moved(const PodMove& move, ReshapeTrigger trigger) {
  ++result_.summary.reshapes;
  ++result_.summary.triggers.moved_pods[static_cast<std::size_t>(trigger)];
  JobResult& result = result_of(move.pod);
  result.node = move.to.node.value;
  result.gpus = move.to.gpus;
  meter_.update(engine_.state(), move.from.node);
  meter_.update(engine_.state(), move.to.node);
  const std::uint32_t unit = unit_of_pod_[move.pod.value];
  const bool restarts = options_.reshape.delay_ns > 0 && request_of(unit).job_class == JobClass::batch;
  if (executed_job(unit) != not_executed) {
    pause(unit, now_);  // it goes on at its new place
  } else if (restarts) {
    pause(unit, now_ + options_.reshape.restart_ns);
  }
  result_.summary.reshape_restarts += restarts ? 1 : 0;
}

void Replay::pause(std::uint32_t unit, TimeNs until_ns) {
  if (const std::uint32_t job = executed_job(unit); job != not_executed) {
    places_.clear();
    for (const PodId pod : pods_of(unit)) {
      places_.push_back(engine_.state().pod(pod)->placement);
    }
    execution_->stopped(job, now_);
    execution_->started(job, places_, now_, until_ns);
  } else if (Unit& paused = units_[unit]; paused.end_ns >= 0) {
    paused.end_ns += until_ns - now_;
    ++paused.run;  // the departure agreed on before is void
    schedule(paused.end_ns, Kind::departure, unit, paused.run);
  }
}

void Replay::pause_pods_on(NodeId node, std::uint16_t gpu, PodId but) {
  const auto pods = engine_.state().node(node).pods;  // a copy
  for (const PodId pod : pods) {
    const GpuAssignments& parts = engine_.state().pod(pod)->placement.gpus;
    if (pod != but && std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.gpu == gpu; })) {
      pause(unit_of_pod_[pod.value], now_ + options_.reshape.delay_ns + options_.reshape.restart_ns);
      ++result_.summary.reshape_restarts;
    }
  }
}

}  // namespace gpusched::sim
