#include <iostream>

#include "gpusched/kube/quantity.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/decision_explainer.hpp"
#include "gpusched/sim/explanation_text.hpp"

#include "commands.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

namespace {

/// Empty where the trace has the profile, else which it has.
Status check_profile(const sim::Trace& trace, const std::string& name) {
  std::string known;
  for (std::size_t i = 0; i < trace.profiles.size(); ++i) {
    if (trace.profiles[i].name == name) {
      return {};
    }
    known += i < 8 ? (i > 0 ? ", " : "") + trace.profiles[i].name : "";
  }
  if (trace.profiles.size() > 8) {
    known += " and " + std::to_string(trace.profiles.size() - 8) + " more";
  }
  return usage("the trace has no job profile '" + name + "'",
               known.empty() ? "It has none; leave --profile out" : "It has: " + known);
}

/// What the flags make of a request.
Result<std::function<void(GpuRequest&)>> make_edit(const WhatIfArguments& given, const sim::Trace& trace) {
  std::int64_t memory_mib = -1;
  std::int64_t host_memory_mib = -1;
  std::int64_t cpu_milli = -1;
  for (const auto& [flag, text, parse, value] :
       {std::tuple("--memory", &given.memory, &parse_memory_mib, &memory_mib),
        std::tuple("--host-memory", &given.host_memory, &parse_memory_mib, &host_memory_mib),
        std::tuple("--cpu", &given.cpu, &parse_cpu_milli, &cpu_milli)}) {
    if (!text->empty()) {
      const Result<std::int64_t> amount = parse(*text);
      if (!amount) {
        return usage(std::string(flag) + ": " + amount.error().message, "Write a quantity, such as 12Gi or 1500m");
      }
      *value = amount.value();
    }
  }
  if (!given.profile.empty() && given.profile != "none") {
    if (Status known = check_profile(trace, given.profile); !known) {
      return known.error();
    }
  }
  if (!given.gpu_model.empty()) {
    if (const Result<GpuModelId> known = find_gpu_model(given.gpu_model); !known) {
      return known.error();
    }
  }
  return std::function<void(GpuRequest&)>([=](GpuRequest& request) {
    if (memory_mib >= 0) request.gpu_memory_mib = memory_mib;
    if (host_memory_mib >= 0) request.memory_mib = host_memory_mib;
    if (cpu_milli >= 0) request.cpu_milli = cpu_milli;
    if (given.job_class) request.job_class = static_cast<JobClass>(*given.job_class);
    if (given.isolation) request.isolation = static_cast<Isolation>(*given.isolation);
    if (given.mode) request.mode = static_cast<SharingMode>(*given.mode);
    if (given.max_slowdown > 0) request.max_slowdown = given.max_slowdown;
    if (given.priority) request.priority = *given.priority;
    if (!given.profile.empty()) request.job_profile = given.profile == "none" ? "" : given.profile;
    if (!given.trust_domain.empty()) request.trust_domain = given.trust_domain == "none" ? "" : given.trust_domain;
    if (!given.gpu_model.empty()) request.gpu_models = {given.gpu_model};
    if (!given.mig_profile.empty()) {
      request.mig_profile = given.mig_profile;
      request.mode = SharingMode::mig;
    }
  });
}

}  // namespace

Status explain(const ExplainArguments& arguments) {
  if (arguments.job.empty() == (arguments.at_s < 0)) {
    return usage(arguments.job.empty() ? "neither --job nor --at given" : "--job and --at given together",
                 "Give --job NAME for a decision of the replay, or --at SECONDS and what the job asks for");
  }
  Result<ReplayInputs> inputs = load_inputs(arguments.replay, arguments.policy);
  if (!inputs) {
    return inputs.error();
  }
  const sim::Trace& trace = inputs.value().trace;
  sim::SimulationOptions& options = inputs.value().options;
  Result<std::function<void(GpuRequest&)>> edit = make_edit(arguments.what_if, trace);
  if (!edit) {
    return edit.error();
  }
  if (!arguments.what_if.mig_profile.empty() && arguments.what_if.mode) {
    return usage("--mig-profile and --mode given together", "A MIG profile is a mode of its own: leave out one");
  }
  const auto at_ns = static_cast<TimeNs>(arguments.at_s * static_cast<double>(ns_per_s));
  if (arguments.job.empty()) {
    options.until_ns = at_ns;
  }
  Result<std::unique_ptr<sim::DecisionExplainer>> explainer = sim::DecisionExplainer::create(
      trace, options, {.job = arguments.job, .at_ns = at_ns, .edit = std::move(edit).value()});
  if (!explainer) {
    return explainer.error();
  }
  sim::ReplayObserver* const observer = explainer.value().get();
  const Result<sim::SimulationResult> replayed = [&] {
    ProgressBar bar(arguments.policy);
    return sim::simulate(trace, options, std::span(&observer, 1),
                         [&](std::int64_t done, std::int64_t total) { bar.show(done, total); });
  }();
  if (!replayed) {
    return replayed.error();
  }
  const Result<sim::ExplainedDecision> explained = explainer.value()->result();
  if (!explained) {
    return explained.error();
  }
  std::cout << (arguments.format == "json" ? sim::explanation_json(arguments.job, explained.value())
                                           : sim::explanation_text(arguments.job, explained.value()));
  return {};
}

}  // namespace gpusched::cli
