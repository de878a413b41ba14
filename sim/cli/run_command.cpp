#include <cstdio>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "gpusched/io/event_log.hpp"
#include "gpusched/sim/curve.hpp"
#include "gpusched/sim/event_log_observer.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

namespace {

std::string percent(double fraction) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << 100.0 * fraction << " %";
  return text.str();
}

std::string decimals(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

void line(const std::string& name, const std::string& value) {
  std::cout << "  " << std::left << std::setw(26) << name << value << "\n";
}

void print_execution(const sim::ExecutionSummary& s) {
  line("goodput per GPU", decimals(s.goodput, 3) + ", balanced over classes " + decimals(s.balanced_goodput, 3));
  line("SLO attainment", percent(s.slo_attainment) + " of those that ran; never started " + percent(s.unserved));
  std::string served, starts;
  for (std::size_t i = 0; i < sim::goodput_class_count; ++i) {
    if (s.offered[i] > 0) {
      served += (served.empty() ? "" : ", ") + std::string(to_string(static_cast<sim::GoodputClass>(i))) + " " +
                percent(s.served[i]);
    }
  }
  for (std::size_t i = 0; i < sim::start_mode_count; ++i) {
    starts += (starts.empty() ? "" : ", ") + std::string(to_string(static_cast<sim::StartMode>(i))) + " " +
              std::to_string(s.starts[i]);
  }
  line("served of offered work", served);
  line("starts", starts);
  line("wait p95 in the window", decimals(s.wait_s_p95, 1) + " s");
  line("partitions made", std::to_string(s.openings));
  line("out of memory / crashes", std::to_string(s.oom_kills) + " / " + std::to_string(s.crashes));
  line("violations",
       "isolation " + std::to_string(s.isolation_violations) + ", trust " + std::to_string(s.trust_violations));
}

void print_reshapes(const sim::Summary& s) {
  if (s.reshapes + s.reshapes_failed > 0) {
    const auto moved = [&](sim::ReshapeTrigger trigger) {
      return std::to_string(s.triggers.moved_pods[static_cast<std::size_t>(trigger)]);
    };
    line("pods moved", std::to_string(s.reshapes) + " (on block " + moved(sim::ReshapeTrigger::block) +
                           ", periodically " + moved(sim::ReshapeTrigger::period) + ", on drift " +
                           moved(sim::ReshapeTrigger::drift) + "), failed " + std::to_string(s.reshapes_failed) +
                           ", pods that lost time " + std::to_string(s.reshape_restarts));
  }
  if (s.triggers.compactions > 0) {
    line("compactions",
         std::to_string(s.triggers.compactions) + ", GPUs emptied " + std::to_string(s.triggers.emptied_gpus));
  }
  if (s.triggers.drifts > 0) {
    line("drifts of the demand", std::to_string(s.triggers.drifts));
  }
  if (s.triggers.gate_refusals > 0) {
    line("not worth a reshape yet", std::to_string(s.triggers.gate_refusals) + " times");
  }
}

void print_summary(const sim::Summary& s, const std::string& policy) {
  std::cout << "policy " << policy << ": " << s.jobs << " jobs, " << s.decisions << " decisions\n";
  std::string ends;
  for (const auto& [name, count] : {std::pair{"finished", s.finished},
                                    {"running", s.running},
                                    {"waiting", s.waiting},
                                    {"rejected", s.rejected},
                                    {"infeasible", s.infeasible},
                                    {"abandoned", s.abandoned},
                                    {"lost", s.lost}}) {
    if (count > 0) {
      ends += (ends.empty() ? "" : ", ") + std::to_string(count) + " " + name;
    }
  }
  line("outcome", ends);
  line("acceptance", percent(s.acceptance) + " by count, " + percent(s.acceptance_by_size) + " by size");
  std::string kinds;
  for (const sim::AcceptanceRow& row : s.acceptance_by_kind) {
    kinds +=
        (kinds.empty() ? "" : ", ") + row.kind + " " + std::to_string(row.accepted) + "/" + std::to_string(row.arrived);
  }
  line("accepted by kind", kinds);
  line("GPU allocation", percent(s.gpu_allocation) + " mean, " + percent(s.final_gpu_allocation) + " at the end");
  if (s.mig_allocation > 0) {
    line("MIG slice allocation", percent(s.mig_allocation));
    line("unusable slices", decimals(s.unusable_slices, 1));
  }
  line("fragmentation", decimals(s.fragment_gpus, 1) + " GPUs, " + percent(s.fragment_ratio) + " of the free ones");
  line("active GPUs", decimals(s.active_gpus, 1) + ", of these in use " + percent(s.utilisation_active));
  line("wait p50 / p95 / p99",
       decimals(s.wait_s_p50, 1) + " / " + decimals(s.wait_s_p95, 1) + " / " + decimals(s.wait_s_p99, 1) + " s");
  if (s.execution) {
    print_execution(*s.execution);
  }
  if (s.evictions > 0) {
    line("evictions", std::to_string(s.evictions) + ", of these preempted " + std::to_string(s.preemptions));
  }
  print_reshapes(s);
  if (s.cluster_cost > 0) {
    line("cost", decimals(s.cluster_cost, 2) + " for the cluster, " + decimals(s.allocated_cost, 2) + " held by jobs");
  }
  for (std::size_t i = 1; i < s.rejected_by_reason.size(); ++i) {
    if (s.rejected_by_reason[i] > 0) {
      line("without a place", std::to_string(s.rejected_by_reason[i]) + ": " + describe(static_cast<RejectReason>(i)));
    }
  }
}

Status check_log(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{
        .code = ErrorCode::not_found, .message = "cannot read '" + path + "'", .file = {}, .line = 0, .remedy = {}};
  }
  std::ostringstream text;
  text << file.rdbuf();
  const Result<LogReplay> replay = replay_event_log(text.str(), path);
  if (!replay) {
    return replay.error();
  }
  std::cout << path << ": " << replay.value().decisions << " decisions computed anew from " << replay.value().events
            << " events, all identical\n";
  return {};
}

}  // namespace

Status run(const RunArguments& arguments) {
  if (!arguments.replay_log.empty()) {
    return check_log(arguments.replay_log);
  }
  Result<ReplayInputs> inputs = load_inputs(arguments.replay, arguments.policy);
  if (!inputs) {
    return inputs.error();
  }
  const sim::Trace& trace = inputs.value().trace;
  sim::SimulationOptions& options = inputs.value().options;
  std::vector<sim::ReplayObserver*> observers;
  sim::Curve curve;
  if (!arguments.curve.empty()) {
    observers.push_back(&curve);
  }
  std::unique_ptr<sim::EventLogObserver> log;
  if (!arguments.event_log.empty()) {
    Result<std::unique_ptr<sim::EventLogObserver>> opened =
        sim::EventLogObserver::open(arguments.event_log, trace, options);
    if (!opened) {
      return opened.error();
    }
    log = std::move(opened).value();
    observers.push_back(log.get());
  }
  Result<sim::SimulationResult> result = [&] {
    ProgressBar bar(arguments.policy);
    return sim::simulate(trace, options, observers,
                         [&](std::int64_t done, std::int64_t total) { bar.show(done, total); });
  }();
  if (!result) {
    return result.error();
  }
  if (log) {
    if (Status closed = log->close(); !closed) {
      return closed;
    }
  }
  if (!arguments.curve.empty()) {
    if (Status written = sim::write_text(arguments.curve, curve.to_csv()); !written) {
      return written;
    }
  }
  if (!arguments.out.empty()) {
    if (Status written =
            sim::write_results(arguments.out, trace, result.value(),
                               {.policy = arguments.policy, .given_order = !options.arrival_order.empty()});
        !written) {
      return written;
    }
  }
  if (arguments.json) {
    std::cout << sim::summary_json(result.value().summary);
  } else if (arguments.event_log != "-" && arguments.curve != "-") {
    print_summary(result.value().summary, arguments.policy);
  }
  return {};
}

}  // namespace gpusched::cli
