#include "replay.hpp"

#include <algorithm>

#include "gpusched/sim/cluster_builder.hpp"

namespace gpusched::sim {

namespace {

/// The reason that holds for most nodes; the first in the order of the enumeration wins a tie.
RejectReason main_reason(const RejectCounts& counts) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < counts.size(); ++i) {
    if (counts[i] > counts[best] || (best == 0 && counts[i] > 0)) {
      best = i;
    }
  }
  return static_cast<RejectReason>(best);
}

std::unique_ptr<WaitQueue> make_queue(QueueDiscipline discipline) {
  constexpr std::size_t line_depth = 60;
  if (discipline == QueueDiscipline::lines) {
    return std::make_unique<LineQueue>(line_depth);
  }
  return std::make_unique<ClassQueue>(discipline == QueueDiscipline::fifo);
}

}  // namespace

RejectReason main_reason(const Decision& decision) {
  if (const auto* wait = std::get_if<Wait>(&decision)) {
    return main_reason(wait->reasons);
  }
  const auto* infeasible = std::get_if<Infeasible>(&decision);
  return infeasible != nullptr ? main_reason(infeasible->reasons) : RejectReason::none;
}

Replay::Replay(const Trace& trace, const SimulationOptions& options, Engine engine,
               std::span<ReplayObserver* const> observers)
    : trace_(trace),
      options_(options),
      engine_(std::move(engine)),
      observers_(observers),
      meter_(options.target, options.fragmentation_percent),
      metrics_(trace, options),
      queue_(make_queue(options.queue)),
      until_ns_(options.until_ns),
      budget_(options.reshape.compaction.limits) {
  if (options.queue == QueueDiscipline::lines) {
    reservations_.emplace(options.reservation_patience_ns, options.most_reservations);
  }
}

void Replay::observe(Event event) {
  const Status applied = engine_.observe(event);
  GPUSCHED_CHECK(applied.ok(), applied.error().to_string());
  for (ReplayObserver* observer : observers_) {
    observer->on_event(engine_, event);
  }
}

Status Replay::add_nodes() {
  for (std::size_t i = 0; i < trace_.nodes.size(); ++i) {
    Result<NodeSpec> spec = to_node_spec(trace_.nodes[i]);
    if (!spec) {
      return spec.error();
    }
    spec.value().rank = options_.node_ranks.empty() ? -1 : options_.node_ranks[i];
    if (engine_.state().find_node(spec.value().name).valid()) {
      return Error{.code = ErrorCode::already_exists,
                   .message = "node '" + spec.value().name + "' occurs twice",
                   .file = {},
                   .line = 0,
                   .remedy = {}};
    }
    const Event event{0, NodeAdded{std::move(spec).value()}};
    if (Status added = engine_.observe(event); !added) {
      return added;
    }
    for (ReplayObserver* observer : observers_) {
      observer->on_event(engine_, event);
    }
  }
  meter_.reset(engine_.state());
  return {};
}

void Replay::schedule(TimeNs time_ns, Kind kind, std::uint32_t subject, std::uint32_t run) {
  agenda_.push({.time_ns = time_ns, .kind = kind, .sequence = sequence_++, .subject = subject, .run = run});
}

std::span<const PodId> Replay::pods_of(std::uint32_t unit) const {
  return std::span(unit_pods_).subspan(units_[unit].first_pod, units_[unit].pod_count);
}

Replay::NextEvent Replay::next_event() const {
  NextEvent next;
  // At equal times jobs end first, then come node events, then arrivals.
  if (next_arrival_ < arrivals_.size()) {
    next = {.time_ns = units_[arrivals_[next_arrival_]].submit_ns, .source = Source::arrival};
  }
  if (!agenda_.empty() && agenda_.top().time_ns <= next.time_ns) {
    next = {.time_ns = agenda_.top().time_ns, .source = Source::agenda};
  }
  if (execution_ && execution_->next_time() <= next.time_ns && execution_->next_time() != never_ns) {
    next = {.time_ns = execution_->next_time(), .source = Source::execution};
  }
  return next;
}

bool Replay::step() {
  if (over_) {
    return false;
  }
  const NextEvent event = next_event();
  const bool ended = event.source == Source::none;
  const TimeNs time_ns = ended ? now_ : event.time_ns;
  if (resources_freed_ && (ended || time_ns != now_)) {
    drain_queue();  // what starts now may end before the next event: look again
    return true;
  }
  if (ended || (until_ns_ >= 0 && time_ns > until_ns_)) {
    now_ = ended ? now_ : until_ns_;
    over_ = true;
    return false;
  }
  if (event.source == Source::execution) {
    run_execution();
  } else {
    pass_time(time_ns);
  }
  if (event.source == Source::arrival) {
    end_warmup();
    arrive(arrivals_[next_arrival_++]);
  } else if (event.source == Source::agenda) {
    const Pending pending = agenda_.top();
    agenda_.pop();
    handle(pending);
  }
  // Only node events are left.
  over_ = next_arrival_ == arrivals_.size() && queue_->size() == 0 && running_pods_ == 0 && moves_open_ == 0 &&
          options_.arrival_order.empty();
  return !over_;
}

void Replay::end_warmup() {
  const auto warmup = static_cast<std::size_t>(options_.warmup_fraction * static_cast<double>(arrivals_.size()));
  if (next_arrival_ != warmup) {
    return;
  }
  metrics_.restart_acceptance();
  for (std::size_t i = 0; i < next_arrival_; ++i) {
    units_[arrivals_[i]].counts = false;
  }
}

void Replay::pass_time(TimeNs time_ns) {
  if (time_ns != now_) {
    metrics_.advance(time_ns, engine_.state(), meter_, static_cast<std::int64_t>(queue_->size()), running_pods_);
    now_ = time_ns;
  }
}

void Replay::handle(const Pending& pending) {
  switch (pending.kind) {
    case Kind::departure:
      if (units_[pending.subject].run == pending.run) {
        vacate(pending.subject, JobOutcome::finished);
      }
      return;
    case Kind::move:
      end_move(Move(moves_[pending.subject]), pending.subject);
      return;
    case Kind::health:
      change_health(health_steps_[pending.subject]);
      return;
    case Kind::reserve:
      serve_reservations();
      return;
    case Kind::compact:
      compact(ReshapeTrigger::period);
      compact_later();
      return;
    case Kind::abandon: {
      const Unit& unit = units_[pending.subject];
      if (unit.run == pending.run && unit.running_pods == 0) {
        queue_->remove(waiting(pending.subject));
        drop(pending.subject, JobOutcome::abandoned);
      }
      return;
    }
  }
}

void Replay::arrive(std::uint32_t unit) {
  for (const PodId pod : pods_of(unit)) {
    observe({now_, PodSubmitted{.pod = pod, .request = class_of_spec_[spec_of_pod_[pod.value]], .version = 0}});
    const GpuRequest& request = spec_of(pod).request;
    arrived_gpu_milli_ += request.mig_profile.empty() ? std::int64_t{request.num_gpu} * request.gpu_milli : 0;
    metrics_.count_arrival(spec_of_pod_[pod.value], 1);
  }
  const PodId first = pods_of(unit)[0];
  const std::uint32_t run = units_[unit].run;
  const bool tried = queue_->tries_newcomer(spec_of(first).request.priority);
  if (!tried || !try_start(unit, false)) {
    if (units_[unit].run == run) {  // not dropped
      if (options_.queue == QueueDiscipline::reject) {
        drop(unit, JobOutcome::rejected);
      } else {
        wait(unit);
        // Of a higher priority than all that wait it is the first in line now.
        resources_freed_ |= !tried && options_.queue == QueueDiscipline::fifo;
      }
    }
  }
  follow_demand(unit);
  sample_arrival();
}

bool Replay::try_start(std::uint32_t unit, bool waited) {
  const std::span<const PodId> pods = pods_of(unit);
  decisions_.clear();
  if (pods.size() == 1) {
    decisions_.push_back(options_.decision_maker ? options_.decision_maker(engine_, pods[0], now_)
                                                 : engine_.decide(class_of_spec_[spec_of_pod_[pods[0].value]], now_));
  } else {
    decisions_ = engine_.decide_gang(pods, now_);
  }
  ++result_.summary.decisions;
  for (ReplayObserver* observer : observers_) {
    observer->on_decision(engine_, now_, pods, decisions_);
  }
  const bool placed = decisions_.size() == pods.size() && candidate_of(decisions_.back()) != nullptr;
  if (!placed) {
    refuse(unit, decisions_.back());
    return false;
  }
  const auto* reshape = std::get_if<ReshapeThenBind>(&decisions_.back());
  if (reshape != nullptr && waits_for_gate(unit, *reshape)) {
    result_of(pods[0]).reason = RejectReason::mig_fragmented;
    return false;
  }
  if (reshape != nullptr && options_.reshape.delay_ns > 0) {
    begin_move(unit, *reshape, waited);
  } else {
    start(unit, decisions_);
  }
  return true;
}

void Replay::start(std::uint32_t unit, std::span<const Decision> decisions) {
  const std::span<const PodId> pods = pods_of(unit);
  for (std::size_t i = 0; i < pods.size(); ++i) {
    actions_.clear();
    // Victims first, so that their units are back in the queue before the place is taken.
    if (const auto* preempt = std::get_if<PreemptThenBind>(&decisions[i])) {
      for (const PodId victim : preempt->victims) {
        evict(victim);
        ++result_.summary.preemptions;
      }
      const Status reserved = engine_.observe({now_, Reserved{pods[i], preempt->candidate}});
      GPUSCHED_CHECK(reserved.ok(), reserved.error().to_string());
    } else if (const auto* reshape = std::get_if<ReshapeThenBind>(&decisions[i])) {
      observe({now_, PodMoved{reshape->move}});
      settle_moved(reshape->move, ReshapeTrigger::block);
      const Status reserved = engine_.observe({now_, Reserved{pods[i], reshape->candidate}});
      GPUSCHED_CHECK(reserved.ok(), reserved.error().to_string());
    } else {
      const Status committed = engine_.commit(pods[i], decisions[i], now_, actions_);
      GPUSCHED_CHECK(committed.ok(), committed.error().to_string());
    }
    const Candidate& place = *candidate_of(decisions[i]);
    observe({now_, PodBound{.pod = pods[i], .placement = place, .version = 0}});
    observe({now_, PodStarted{.pod = pods[i], .version = 0}});
    meter_.update(engine_.state(), place.node);
    JobResult& result = result_of(pods[i]);
    if (result.start_ns < 0) {
      ++result_.summary.accepted;
      result.first_start_ns = now_;
      if (const TimeNs waited_ns = now_ - units_[unit].submit_ns; waited_ns > 0) {
        WaitCount& waits = result_.waits[static_cast<std::size_t>(result.reason)];
        ++waits.jobs;
        waits.wait_s += static_cast<double>(waited_ns) / static_cast<double>(ns_per_s);
      }
    }
    if (result.evictions == 0 && units_[unit].counts) {
      metrics_.count_accepted(spec_of_pod_[pods[i].value], 1);
    }
    result.start_ns = now_;
    result.node = place.node.value;
    result.gpus = place.gpus;
    result.outcome = JobOutcome::running;
    result.reason = RejectReason::none;
    ++running_pods_;
  }
  leave_queue(unit);
  Unit& started = units_[unit];
  started.running_pods = started.pod_count;
  if (const std::uint32_t job = executed_job(unit); job != not_executed) {
    start_execution(job, decisions);
  } else if (options_.arrival_order.empty()) {  // else nobody leaves
    if (const TimeNs duration_ns = duration_of(unit); duration_ns >= 0) {
      started.end_ns = now_ + duration_ns;
      schedule(started.end_ns, Kind::departure, unit, started.run);
    }
  }
}

void Replay::refuse(std::uint32_t unit, const Decision& why) {
  note_refusal(unit, why);
  for (const PodId pod : pods_of(unit)) {
    result_of(pod).reason = main_reason(why);
  }
  if (std::holds_alternative<Infeasible>(why)) {
    drop(unit, JobOutcome::infeasible);
  }
}

void Replay::drop(std::uint32_t unit, JobOutcome outcome) {
  leave_queue(unit);
  ++units_[unit].run;
  for (const PodId pod : pods_of(unit)) {
    JobResult& result = result_of(pod);
    result.outcome = result.evictions > 0 && outcome == JobOutcome::rejected ? JobOutcome::lost : outcome;
    result.end_ns = now_;
    observe({now_, PodFinished{.pod = pod, .version = 0}});
  }
}

void Replay::enqueue(std::uint32_t unit) {
  queue_->push(waiting(unit));
  if (reservations_ && units_[unit].pod_count == 1 && GpuReservations::concerns(request_of(unit))) {
    schedule(reservations_->wait(unit, now_), Kind::reserve, unit, units_[unit].run);
  }
}

void Replay::leave_queue(std::uint32_t unit) {
  forget_loss(unit);
  if (reservations_) {
    if (const std::optional<GpuReservation> left = reservations_->leave(unit)) {
      hold(*left, false);
    }
  }
}

bool Replay::still_refused(std::uint32_t unit) {
  // Victims of a preemption may have come without any GPU becoming freer.
  return !options_.preemption && units_[unit].pod_count == 1 &&
         engine_.still_refused(class_of_spec_[spec_of_pod_[pods_of(unit)[0].value]]);
}

void Replay::wait(std::uint32_t unit) {
  enqueue(unit);
  const TimeNs patience_ns = job_of(pods_of(unit)[0]).max_wait_ns;
  if (patience_ns >= 0) {
    schedule(now_ + patience_ns, Kind::abandon, unit, units_[unit].run);
  }
}

void Replay::vacate(std::uint32_t unit, JobOutcome outcome) {
  const bool waits = outcome == JobOutcome::waiting;
  ++units_[unit].run;
  units_[unit].running_pods = 0;
  units_[unit].end_ns = -1;
  for (const PodId pod : pods_of(unit)) {
    const NodeId node = engine_.state().pod(pod)->placement.node;
    if (waits) {
      observe({now_, PodEvicted{.pod = pod, .version = 0}});
    } else {
      observe({now_, PodFinished{.pod = pod, .version = 0}});
    }
    meter_.update(engine_.state(), node);
    JobResult& result = result_of(pod);
    result.outcome = outcome;
    result.end_ns = waits ? result.end_ns : now_;
    --running_pods_;
  }
  resources_freed_ = true;
}

void Replay::evict(PodId pod) {
  // A gang that loses a member stops as a whole and waits as a whole.
  const std::uint32_t unit = unit_of_pod_[pod.value];
  if (units_[unit].running_pods == 0) {
    return;
  }
  if (const std::uint32_t job = executed_job(unit); job != not_executed) {
    execution_->stopped(job, now_);
  }
  vacate(unit, JobOutcome::waiting);
  for (const PodId member : pods_of(unit)) {
    ++result_of(member).evictions;
    ++result_.summary.evictions;
  }
  enqueue(unit);
}

void Replay::change_health(const HealthStep& step) {
  observe({now_, HealthChanged{.node = step.node, .health = step.health}});
  if (step.health != NodeHealth::ready) {
    const auto pods = engine_.state().node(step.node).pods;  // a copy: they leave it
    for (const PodId pod : pods) {
      evict(pod);
    }
    give_reservations_back(step.node);
  }
  meter_.update(engine_.state(), step.node);
  resources_freed_ = true;
}

void Replay::drain_queue() {
  while (resources_freed_ && queue_->size() > 0) {
    resources_freed_ = false;
    std::vector<std::uint32_t> lost;
    serve_reservations();
    queue_->pass([&](std::uint32_t unit) {
      if (still_refused(unit)) {
        return false;
      }
      const std::uint32_t run = units_[unit].run;
      if (try_start(unit, true) || units_[unit].run != run) {
        return true;  // it runs, or was dropped as infeasible
      }
      if (options_.queue == QueueDiscipline::reject) {
        lost.push_back(unit);
      }
      return false;
    });
    for (const std::uint32_t unit : lost) {
      queue_->remove(waiting(unit));
      drop(unit, JobOutcome::rejected);
    }
    resources_freed_ |= !lost.empty();  // those in line behind them are tried, and lost, too
  }
  resources_freed_ = false;
}

void Replay::sample_arrival() {
  if (observers_.empty()) {
    return;
  }
  const ArrivalSample sample{.time_ns = now_,
                             .arrived_gpu_milli = arrived_gpu_milli_,
                             .used_gpu_milli = engine_.state().used_gpu_milli(),
                             .total_gpu_milli = meter_.total_gpu_milli(),
                             .free_gpu_milli = meter_.free_gpu_milli(),
                             .weighted_fragment = meter_.weighted_fragment(),
                             .weight = meter_.weight()};
  for (ReplayObserver* observer : observers_) {
    observer->on_arrival(sample);
  }
}

SimulationResult Replay::finish() {
  Summary& summary = result_.summary;
  metrics_.advance(now_, engine_.state(), meter_, static_cast<std::int64_t>(queue_->size()), running_pods_);
  std::vector<double> waits_s;
  std::vector<double> size_of_spec;
  for (const JobSpec& spec : trace_.specs) {
    size_of_spec.push_back(request_size(spec.request, trace_) * spec.replicas);
  }
  summary.waiting = 0;
  for (std::size_t index = 0; index < result_.jobs.size(); ++index) {
    const JobResult& job = result_.jobs[index];
    ++summary.jobs;
    summary.running += job.outcome == JobOutcome::running ? 1 : 0;
    summary.finished += job.outcome == JobOutcome::finished ? 1 : 0;
    summary.rejected += job.outcome == JobOutcome::rejected ? 1 : 0;
    summary.infeasible += job.outcome == JobOutcome::infeasible ? 1 : 0;
    summary.abandoned += job.outcome == JobOutcome::abandoned ? 1 : 0;
    summary.lost += job.outcome == JobOutcome::lost ? 1 : 0;
    summary.waiting += job.outcome == JobOutcome::waiting ? 1 : 0;
    if (job.start_ns >= 0) {
      const TimeNs submit_ns = options_.arrival_order.empty() ? trace_.jobs[job.row].submit_ns : job.first_start_ns;
      waits_s.push_back(static_cast<double>(job.first_start_ns - submit_ns) / static_cast<double>(ns_per_s));
      const TimeNs end_ns = job.end_ns >= 0 ? job.end_ns : now_;
      const std::optional<double>& price = trace_.nodes[job.node].price_per_hour;
      summary.allocated_cost += price.value_or(0) * size_of_spec[trace_.jobs[job.row].spec] *
                                static_cast<double>(end_ns - job.start_ns) / 3.6e12;
    }
    if (job.outcome != JobOutcome::finished && job.outcome != JobOutcome::running) {
      ++summary.rejected_by_reason[static_cast<std::size_t>(job.reason)];
    }
  }
  metrics_.fill(summary, result_.timeline, std::move(waits_s));
  for (const TraceNode& node : trace_.nodes) {
    summary.cluster_cost += node.price_per_hour.value_or(0) * node.num_gpu * summary.span_s / 3600.0;
  }
  if (!options_.arrival_order.empty()) {
    summary.gpu_allocation = summary.final_gpu_allocation;
  }
  finish_execution();
  return std::move(result_);
}

QueueDiscipline queue_named(std::string_view name) {
  return name == "reject"  ? QueueDiscipline::reject
         : name == "fifo"  ? QueueDiscipline::fifo
         : name == "lines" ? QueueDiscipline::lines
                           : QueueDiscipline::backfill;
}

const char* to_string(JobOutcome outcome) {
  constexpr std::array<const char*, 7> names = {"waiting",    "running",   "finished", "rejected",
                                                "infeasible", "abandoned", "lost"};
  return names[static_cast<std::size_t>(outcome)];
}

}  // namespace gpusched::sim
