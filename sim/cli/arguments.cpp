#include "arguments.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <yaml-cpp/yaml.h>

#include "gpusched/base/version.hpp"
#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/perf/slowdown_models.hpp"
#include "gpusched/policy/registry.hpp"
#include "gpusched/sim/plan_metrics.hpp"

namespace gpusched::cli {

namespace {

constexpr const char* run_examples = R"(Examples:
  gpusched-sim run --trace traces/mixed-day --policy fgd
  gpusched-sim run --cluster 16xH100-80GB-SXM5:8 --trace generate:mig-mix:jobs=20000,load=1.0 --policy buddy
  gpusched-sim run --trace traces/tiny --out results --event-log results/events.jsonl
  gpusched-sim run --nodes openb:openb_node_list_gpu_node.csv --jobs openb:openb_pod_list_default.csv \
      --order default_42.txt.gz --compat fgd-paper --policy fgd --curve curve.csv
  gpusched-sim run --replay results/events.jsonl)";

constexpr const char* compare_examples = R"(Examples:
  gpusched-sim compare --trace traces/mixed-day --policy all
  gpusched-sim compare --trace generate:mig-mix:load=1.0,gpus=100 --policy buddy,mfi,first_fit --seeds 20
  gpusched-sim compare --trace traces/openb-like --policy fgd:target=95,fgd:target=100,placeable --queue reject)";

constexpr const char* plan_examples = R"(Examples:
  gpusched-sim plan --trace generate:mixed-day:model=H100-80GB-SXM5 --cluster 'H100-80GB-SXM5 x8' --nodes 4..24 \
      --slo 'wait_p95<10m' --slo 'goodput>=0.95'
  gpusched-sim plan --trace generate:mixed-day:model=H100-80GB-SXM5 --cluster 'H100-80GB-SXM5 x8' --nodes 4..32 \
      --slo 'wait_p95<10m' --scale 1.3
  gpusched-sim plan --trace generate:mode-mix:mix=dev --cluster 'A100-80GB x8' --nodes 2..16 --slo 'goodput>=80%' \
      --search nodes,sharing
  gpusched-sim plan --trace generate:mode-mix:mix=dev --cluster 'A100-80GB x8' --nodes 2..16 --slo 'goodput>=80%' \
      --search nodes,model --price A100-80GB=1.80,H100-80GB-SXM5=2.95)";

constexpr const char* generate_examples = R"(Examples:
  gpusched-sim generate tiny --out gtf:tiny
  gpusched-sim generate mig-mix --seed 7 -p load=0.85 -p jobs=1000 --out gtf-jsonl:-
  gpusched-sim list generators)";

constexpr const char* convert_examples = R"(Examples:
  gpusched-sim convert openb:openb_pod_list_default.csv --nodes openb:openb_node_list_gpu_node.csv --to gtf:day
  kubectl get nodes,pods -A -o json | gpusched-sim convert kubectl:- --to gtf:cluster)";

constexpr const char* fit_examples = R"(Examples:
  gpusched-sim fit --data miso_a100_40gb_training.csv --model slice-training --plot residuals.svg
  gpusched-sim fit --data parvagpu_a100_80gb --model slice-inference --max-copies 3
  gpusched-sim fit --data measurements.csv --model time-slice --out constants.json
  gpusched-sim list slowdown)";

void add_reshape_options(CLI::App& app, ReplayArguments& replay) {
  app.add_option("--reshape", replay.reshape, "what a request that fits nowhere may change: off, one-move")
      ->check(CLI::IsMember({"off", "one-move"}))
      ->capture_default_str();
  app.add_option("--reshape-delay", replay.reshape_delay_s, "seconds that a move takes; 0: at once, at no cost")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  app.add_option("--reshape-failure", replay.reshape_failure, "probability that a move fails")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--reshape-cooldown", replay.reshape_cooldown_s, "seconds that a moved pod stays at least")
      ->check(CLI::Range(0.0, 31'536'000.0))
      ->capture_default_str();
  app.add_option("--reshape-max-moves", replay.reshape_max_moves, "moves at a time; 0: any number");
  app.add_option("--compact-every", replay.compact_every_s,
                 "seconds after which GPUs are emptied whose instances fit into others in use; 0: never")
      ->check(CLI::Range(0.0, 31'536'000.0))
      ->capture_default_str();
  app.add_flag("--compact-on-drift", replay.compact_on_drift, "empty GPUs when other requests arrive than before");
  app.add_option("--drift-window", replay.drift_window, "arrivals that make the recent mix of requests")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--compact-max-moves", replay.compact_max_moves, "pods that one compaction may move")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--compact-max-moves-per-hour", replay.compact_max_moves_per_hour,
                 "pods that compactions may move within an hour")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_flag("--reshape-gate", replay.reshape_gate,
               "move nobody before requests without a place have lost as much GPU time as the move costs");
  app.add_option("--actuation", replay.actuation,
                 "how partitions change: per-instance (beside running ones), drain-gpu (all pods of the GPU restart)")
      ->check(CLI::IsMember({"per-instance", "drain-gpu"}))
      ->capture_default_str();
}
constexpr const char* explain_examples = R"(Examples:
  gpusched-sim explain --trace generate:mode-mix:mix=mixedday --job job-01000
  gpusched-sim explain --trace generate:mode-mix:mix=mixedday --job job-01000 --isolation memory
  gpusched-sim explain --trace generate:mode-mix:mix=mixedday --at 20000 --class dev --memory 12Gi --max-slowdown 2
  gpusched-sim explain --trace traces/tiny --policy buddy --at 0 --mig-profile 2g.20gb --format json)";

constexpr const char* cluster_help =
    "nodes: a nodes file, or a shorthand COUNTxMODEL:GPUS[@SHARING], joined by commas; default: the trace's";

/// Where jobs come from and how they are replayed; what the cluster is made of is left to the command.
void add_job_options(CLI::App& app, ReplayArguments& replay) {
  app.add_option("--trace", replay.trace, "FORMAT:PATH, PATH, or generate:NAME:PARAMETER=VALUE,...");
  app.add_option("--jobs", replay.jobs, "jobs alone, as FORMAT:PATH");
  app.add_option("--compat", replay.compat, "reproduce published rules: fgd-paper")
      ->check(CLI::IsMember({"fgd-paper"}));
  app.add_option("--queue", replay.queue,
                 "what a job does that does not fit: reject, fifo, backfill, lines; default: backfill, and lines for a "
                 "trace with job profiles")
      ->check(CLI::IsMember({"reject", "fifo", "backfill", "lines"}));
  app.add_option("--target", replay.target,
                 "mix that policies expect: trace (its request classes), none; default: trace, and none for a trace "
                 "with job profiles")
      ->check(CLI::IsMember({"trace", "none"}));
  app.add_option("--prices", replay.prices, "YAML or JSON map of GPU model to price per GPU-hour");
  app.add_option("--seed", replay.seed, "seed of everything random")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--until", replay.until_s, "stop at this time of the trace, seconds")->check(CLI::NonNegativeNumber);
  app.add_option("--warmup", replay.warmup, "fraction of the arrivals left out of acceptance")
      ->check(CLI::Range(0.0, 0.99));
  app.add_option("--slowdown-error", replay.slowdown_error,
                 "sigma of a lognormal factor by which each job's true slowdown differs from what the laws predict")
      ->check(CLI::Range(0.0, 2.0));
  app.add_flag("--no-preemption", replay.no_preemption, "never evict for a higher priority");
  add_reshape_options(app, replay);
}

void add_replay_options(CLI::App& app, ReplayArguments& replay) {
  app.add_option("--cluster", replay.cluster, cluster_help);
  app.add_option("--nodes", replay.nodes, "nodes alone, as FORMAT:PATH");
  app.add_option("--order", replay.order, "arrival order and node ranks; jobs arrive one by one and stay");
  add_job_options(app, replay);
}

/// A misspelt policy is a usage error: empty text where it can be made, else what is wrong.
std::string check_policy(const std::string& text) {
  const Result<PolicyChoice> choice = parse_policy(text);
  if (!choice) {
    return choice.error().to_string();
  }
  const auto made = make_policy(choice.value(), 0);
  return made ? std::string() : made.error().to_string();
}

std::string check_policies(const std::string& text) {
  for (const std::string& policy : split_policies(text)) {
    if (std::string wrong = policy == "all" ? std::string() : check_policy(policy); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

std::string check_target(const std::string& text) {
  const Result<sim::PlanTarget> target = sim::parse_plan_target(text);
  return target ? std::string() : target.error().to_string();
}

std::string check_gpu_model(const std::string& name) {
  const Result<GpuModelId> model = find_gpu_model(name);
  return model ? std::string() : model.error().to_string();
}

std::string check_model(const std::string& name) {
  const Result<const SlowdownModelInfo*> row = find_slowdown_model(name);
  return row ? std::string() : row.error().to_string();
}

CLI::App* add_plan_command(CLI::App& app, PlanArguments& plan) {
  CLI::App* command = app.add_subcommand("plan", "the smallest or cheapest cluster that meets targets");
  const auto all = CLI::MultiOptionPolicy::TakeAll;
  command
      ->add_option(
          "--slo", plan.slo,
          "target for the mean over seeds, METRIC<VALUE, repeatable, all must hold: wait_p99<60s, goodput>=95%")
      ->multi_option_policy(all)
      ->check(check_target)
      ->required();
  command
      ->add_option("--cluster", plan.replay.cluster,
                   "shape of a node, 'MODEL xGPUS' or MODEL:GPUS[@SHARING]; several, joined by commas: which is best?")
      ->required();
  command->add_option("--nodes", plan.nodes, "nodes, LO..HI, or one number")->capture_default_str();
  command->add_option("--search", plan.search, "what may vary: nodes, model, policy, sharing, layout; joined by commas")
      ->delimiter(',')
      ->multi_option_policy(all)
      ->check(CLI::IsMember({"nodes", "model", "policy", "sharing", "layout"}))
      ->default_str("nodes");
  command->add_option("--models", plan.models, "GPU models to search; default: all that have a price")
      ->delimiter(',')
      ->multi_option_policy(all)
      ->check(check_gpu_model);
  command
      ->add_option("--policy", plan.policies,
                   "policy, or those to search; default: auto for a trace with job profiles, else placeable_online")
      ->check(check_policies)
      ->multi_option_policy(all);
  command->add_option("--price", plan.price, "MODEL=PRICE per GPU-hour, joined by commas; goes before --prices")
      ->delimiter(',')
      ->multi_option_policy(all);
  command->add_option("--confidence", plan.confidence, "with which the answer is to be settled")
      ->check(CLI::Range(0.5, 0.9999))
      ->capture_default_str();
  command->add_option("--seeds", plan.seeds, "most seeds per candidate, SEED, SEED+1, ...")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  command->add_option("--scale", plan.scale, "load, as a multiple of the trace's: 1.3 for 30 % more")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  add_job_options(*command, plan.replay);
  command->add_option("--threads", plan.jobs, "runs at a time; default: all cores")->check(CLI::Range(1, 1024));
  command->add_option("--out", plan.out, "write one row per run to this CSV file");
  command->add_flag("--json", plan.json, "print the answer as JSON");
  command->footer(plan_examples);
  return command;
}

CLI::App* add_fit_command(CLI::App& app, FitArguments& fit) {
  CLI::App* command = app.add_subcommand("fit", "fit a slowdown model to measurements, test it, draw the residuals");
  command->add_option("--data", fit.data, "CSV files, or folders of them; columns: docs/formats/measurements.md")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->required();
  command->add_option("--model", fit.model, "slowdown model; see 'list slowdown'")->check(check_model)->required();
  command->add_option("--start", fit.start, "constants to start from, as --out writes them");
  command->add_option("--max-copies", fit.max_copies, "leave out rows with more copies of a job")
      ->check(CLI::Range(1, 64));
  command->add_option("--out", fit.out, "write the fitted constants as JSON; - = stdout");
  command->add_option("--plot", fit.plot, "draw predictions and residuals as SVG; - = stdout");
  command->add_flag("--json", fit.json, "print the fit as JSON, with every point");
  command->footer(fit_examples);
  return command;
}

constexpr const char* reshape_examples = R"(Examples:
  gpusched-sim reshape --model A100-80GB --layout 1g@0,1g@1,1g@5 --need 3g
  gpusched-sim reshape --model A100-80GB --layout 1g@0,1g@1,1g@5,2g@2 --pinned 1g@5 --idle 2g@2 --need 4g --format json
  gpusched-sim reshape --model H100-80GB-SXM5 --layout 3g@0,2g@4 --target 2g@0,3g@4
  gpusched-sim reshape --model A100-80GB --layout 1g@0,3g@4 --need 2g --actuation drain-gpu --format mig-parted
  gpusched-sim list profiles A100-80GB)";

CLI::App* add_reshape_command(CLI::App& app, ReshapeArguments& reshape) {
  CLI::App* command = app.add_subcommand("reshape", "plan how to change the MIG instances of one GPU; changes nothing");
  command->add_option("--model", reshape.model, "GPU model; see 'list models'")->check(check_gpu_model)->required();
  command->add_option("--layout", reshape.layout,
                      "instances as PROFILE@START, joined by commas; each holds a pod that may move; default: none");
  command->add_option("--pinned", reshape.pinned, "those of the layout whose pod stays where it is");
  command->add_option("--idle", reshape.idle, "those of the layout that hold no pod");
  CLI::App* goal = command->add_option_group("goal")->require_option(1);
  goal->add_option("--need", reshape.need, "profile that is to find room, 4g or 4g.40gb");
  goal->add_option("--target", reshape.target, "layout to reach, written as --layout");
  command
      ->add_option("--actuation", reshape.actuation,
                   "per-instance (driver, DRA), or drain-gpu (mig-parted: drain it, then apply a whole geometry)")
      ->check(CLI::IsMember({"per-instance", "drain-gpu"}))
      ->capture_default_str();
  command->add_option("--max-moves", reshape.max_moves, "most pods that may start again")
      ->check(CLI::Range(0, 1000000));
  command->add_flag("--mig-off", reshape.mig_off, "the GPU's MIG mode is off");
  command->add_option("--node", reshape.node, "name of the node, for mig-parted")->capture_default_str();
  command->add_option("--gpu", reshape.gpu, "index of the GPU in its node")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--format", reshape.format, "text, json, or mig-parted (configuration and label steps)")
      ->check(CLI::IsMember({"text", "json", "mig-parted"}))
      ->capture_default_str();
  command->footer(reshape_examples);
  return command;
}

CLI::App* add_explain_command(CLI::App& app, ExplainArguments& explain) {
  CLI::App* command = app.add_subcommand("explain", "why a job got what it got, and what would change that");
  add_replay_options(*command, explain.replay);
  command->add_option("--policy", explain.policy, "POLICY or POLICY:NAME=VALUE,...; see 'list policies'")
      ->check(check_policy)
      ->capture_default_str();
  command->add_option("--job", explain.job,
                      "job of the trace: the decision that gave it its place, or its first one where it got none");
  command->add_option("--at", explain.at_s, "instead: a job that comes at this time of the trace, seconds")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--format", explain.format, "text, json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  WhatIfArguments& what_if = explain.what_if;
  const std::string group = "What the job asks for (with --at: of one GPU; with --job: instead of what it does)";
  const auto add = [&](const char* flag, auto& value, const char* text) {
    return command->add_option(flag, value, text)->group(group);
  };
  const auto add_word = [&](const char* flag, std::optional<int>& value, const std::vector<std::string>& words,
                            const char* text) {
    const auto index = [&value, words](const std::string& word) {
      value = static_cast<int>(std::find(words.begin(), words.end(), word) - words.begin());
    };
    command->add_option_function<std::string>(flag, index, text)->check(CLI::IsMember(words))->group(group);
  };
  add_word("--class", what_if.job_class, {"unknown", "always_on", "burst", "batch", "dev"}, "what kind of job it is");
  add_word("--isolation", what_if.isolation, {"none", "memory", "fault"}, "from its neighbours");
  add_word("--mode", what_if.mode, {"unstated", "whole", "mig", "time_slice", "mps"}, "the user's own, which wins");
  add("--memory", what_if.memory, "device memory, such as 12Gi");
  add("--max-slowdown", what_if.max_slowdown, "tolerated against alone on the whole GPU")->check(CLI::Range(1.0, 1e6));
  add("--profile", what_if.profile, "job profile of the trace; none = nobody measured it");
  add("--trust-domain", what_if.trust_domain, "who may share an MPS server with it; none = nobody");
  add("--gpu-model", what_if.gpu_model, "the only GPU model allowed");
  add("--mig-profile", what_if.mig_profile, "this MIG instance and no other");
  add("--cpu", what_if.cpu, "such as 1500m");
  add("--host-memory", what_if.host_memory, "such as 16Gi");
  add("--priority", what_if.priority, "of the pod, higher first");
  command->footer(explain_examples);
  return command;
}

constexpr const char* exact_examples = R"(Examples:
  gpusched-sim exact --generate 3
  gpusched-sim exact --generate 7,gpus=16,jobs=60 --policy buddy,mfi,fgd --sequence size
  gpusched-sim exact --trace generate:mig-mix:gpus=8,jobs=200,load=1.2 --at 3000
  gpusched-sim exact --generate 3 --lp program.lp --solver none
  gpusched-sim exact --trace generate:mig-mix:gpus=20,jobs=1000,load=1.0 --acceptance --policy buddy,mfi,first_fit)";

CLI::App* add_exact_command(CLI::App& app, ExactArguments& exact) {
  CLI::App* command = app.add_subcommand("exact", "how far policies are from the best answer, which a solver proves");
  add_replay_options(*command, exact.replay);
  command->add_option("--generate", exact.generate,
                      "a drawn snapshot: SEED[,gpus=N][,jobs=N]; default: the size of the published table's");
  command->add_option("--at", exact.at_s, "the moment of a replay of --trace, seconds: who runs, who waits")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--acceptance", exact.acceptance,
                    "what nobody can exceed who takes the jobs of --trace or leaves them");
  command->add_option("--policy", exact.policies, "policies, joined by commas; the first one makes the replay of --at")
      ->check(check_policies)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->capture_default_str();
  command
      ->add_option("--sequence", exact.sequence,
                   "in which policies get the jobs that wait: arrival, size (largest first)")
      ->check(CLI::IsMember({"arrival", "size"}))
      ->capture_default_str();
  command->add_option("--solver", exact.solver, "program on PATH: auto (the first one found), cbc, highs, none")
      ->check(CLI::IsMember({"auto", "cbc", "highs", "none"}))
      ->capture_default_str();
  command->add_option("--time-limit", exact.time_limit_s, "of the solver, seconds; beyond it a bound is given")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  command->add_option("--lp", exact.lp, "write the program in LP format; - = stdout");
  command->add_option("--reject-cost", exact.reject_cost, "of a job of --at that does not run, in prices of its GPUs")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command->add_option("--move-cost", exact.move_cost, "of a job of --at that moves or ends, in prices of its GPUs")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command->add_flag("--json", exact.json, "print JSON");
  command->footer(exact_examples);
  return command;
}

constexpr const char* report_examples = R"(Examples:
  gpusched-sim run --trace traces/mixed-day --policy placeable_online --out results
  gpusched-sim report results -o report.html
  gpusched-sim compare --trace traces/mixed-day --policy fgd,buddy,placeable_online --seeds 5 --out runs.csv
  gpusched-sim report results --compare runs.csv -o report.html)";

CLI::App* add_report_command(CLI::App& app, ReportArguments& report) {
  CLI::App* command =
      app.add_subcommand("report", "one page with charts and GPU map of a run, for any browser, offline");
  command->add_option("directory", report.directory, "what `run --out` wrote")->required();
  command->add_option("-o,--out", report.out, "file; - = stdout")->capture_default_str();
  command->add_option("--compare", report.comparison, "a file that `compare --out` wrote: policies side by side");
  command->add_option("--title", report.title, "of the page; default: the name of the folder");
  command->footer(report_examples);
  return command;
}

/// Puts the options of a YAML or JSON file in front of the typed ones, which win.
std::vector<std::string> with_config_file(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  std::vector<std::string> from_file;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "--config" || i + 1 == words.size()) {
      result.push_back(words[i]);
      continue;
    }
    const YAML::Node config = YAML::LoadFile(words[++i]);
    if (!config.IsMap()) {
      throw CLI::ValidationError("--config", words[i] + " is not a map of option names to values");
    }
    for (const auto& entry : config) {
      const auto key = entry.first.as<std::string>();
      const YAML::Node& value = entry.second;
      if (value.IsSequence()) {
        for (const auto& item : value) {
          from_file.push_back("--" + key);
          from_file.push_back(item.as<std::string>());
        }
      } else if (value.IsScalar() && (value.Scalar() == "true" || value.Scalar() == "false")) {
        if (value.Scalar() == "true") {
          from_file.push_back("--" + key);
        }
      } else {
        from_file.push_back("--" + key);
        from_file.push_back(value.as<std::string>());
      }
    }
  }
  result.insert(result.begin() + (result.empty() ? 0 : 1), from_file.begin(), from_file.end());
  return result;
}

void build(CLI::App& app, Arguments& arguments) {
  app.require_subcommand(1);
  app.set_version_flag("--version", "gpusched-sim " + std::string(version()) + " (" + std::string(git_commit()) + ")");
  app.footer("Every command has --help with examples. Exit codes: 0 ok, 1 failed, 2 usage.");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);

  CLI::App* run = app.add_subcommand("run", "replay one trace under one policy");
  add_replay_options(*run, arguments.run.replay);
  run->add_option("--policy", arguments.run.policy, "POLICY or POLICY:NAME=VALUE,...; see 'list policies'")
      ->check(check_policy)
      ->capture_default_str();
  run->add_option("--out", arguments.run.out,
                  "directory for the results, such as summary.json and jobs.csv; `report` reads it");
  run->add_option("--event-log", arguments.run.event_log, "write every event and decision as JSON lines; - = stdout");
  run->add_option("--curve", arguments.run.curve, "write allocation and fragmentation over arrived demand, 0..130 %");
  run->add_option("--replay", arguments.run.replay_log, "check an event log: compute every decision anew");
  run->add_flag("--json", arguments.run.json, "print the summary as JSON");
  run->footer(run_examples);

  CLI::App* compare = app.add_subcommand("compare", "policies side by side, mean and 95 % confidence interval");
  add_replay_options(*compare, arguments.compare.replay);
  compare->add_option("--policy", arguments.compare.policies, "policies, joined by commas; 'all' for every one")
      ->check(check_policies)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->required();
  compare->add_option("--seeds", arguments.compare.seeds, "runs per policy, seeds SEED, SEED+1, ...")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  compare->add_option("--threads", arguments.compare.jobs, "runs at a time; default: all cores")
      ->check(CLI::Range(1, 1024));
  compare->add_option("--out", arguments.compare.out, "write one row per run to this CSV file");
  compare->add_flag("--json", arguments.compare.json, "print the table as JSON");
  compare->footer(compare_examples);

  CLI::App* plan = add_plan_command(app, arguments.plan);

  CLI::App* generate = app.add_subcommand("generate", "make a synthetic trace");
  generate->add_option("profile", arguments.generate.name, "generator; see 'list generators'")->required();
  generate->add_option("--seed", arguments.generate.seed, "seed")->capture_default_str();
  generate->add_option("-p,--param", arguments.generate.parameters, "NAME=VALUE, repeatable")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->delimiter(',');
  generate
      ->add_option("--out", arguments.generate.out, "FORMAT:PATH; a bare path is GTF, - is GTF JSON lines on stdout")
      ->capture_default_str();
  generate->footer(generate_examples);

  CLI::App* convert = app.add_subcommand("convert", "read a trace in one format, write it in another");
  convert->add_option("from", arguments.convert.from, "FORMAT:PATH or PATH")->required();
  convert->add_option("--nodes", arguments.convert.nodes, "nodes from another file, as FORMAT:PATH");
  convert->add_option("--to", arguments.convert.to, "FORMAT:PATH")->required();
  convert->footer(convert_examples);

  CLI::App* fit = add_fit_command(app, arguments.fit);

  CLI::App* reshape = add_reshape_command(app, arguments.reshape);
  CLI::App* explain = add_explain_command(app, arguments.explain);
  CLI::App* exact = add_exact_command(app, arguments.exact);

  CLI::App* report = add_report_command(app, arguments.report);

  CLI::App* list =
      app.add_subcommand("list", "what there is: policies, models, profiles, formats, generators, slowdown");
  list->add_option("what", arguments.list.what, "policies | models | profiles | formats | generators | slowdown")
      ->required()
      ->check(CLI::IsMember({"policies", "models", "profiles", "formats", "generators", "slowdown"}));
  list->add_option("name", arguments.list.name, "one GPU model, for profiles");
  list->add_flag("--json", arguments.list.json, "print JSON");
  list->footer("Examples:\n  gpusched-sim list policies\n  gpusched-sim list profiles H100-80GB-SXM5");
  for (CLI::App* command : {run, compare, plan, generate, convert, fit, reshape, explain, exact, report, list}) {
    command->footer(command->get_footer() + "\n\n--config FILE reads options from a YAML or JSON map; typed ones win.");
  }
}

}  // namespace

std::vector<std::string> split_policies(const std::string& text) {
  std::vector<std::string> policies;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const bool continues = part.find('=') != std::string::npos && part.find(':') == std::string::npos;
    if (continues && !policies.empty()) {
      policies.back() += "," + part;
    } else {
      policies.push_back(part);
    }
    begin = end + 1;
  }
  return policies;
}

Arguments parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  CLI::App app("Replays what arrives at a GPU cluster under different placement policies.", "gpusched-sim");
  build(app, arguments);
  try {
    std::vector<std::string> words = with_config_file({argv + 1, argv + argc});
    std::reverse(words.begin(), words.end());  // CLI11 takes the last word first
    app.parse(words);
  } catch (const CLI::ParseError& problem) {
    const int code = app.exit(problem);
    arguments.exit_code = code == 0 ? 0 : 2;
    return arguments;
  } catch (const YAML::Exception& problem) {
    std::cerr << "gpusched-sim: --config: " << problem.what() << "\n";
    arguments.exit_code = 2;
    return arguments;
  }
  arguments.command = app.get_subcommands().front()->get_name();
  return arguments;
}

}  // namespace gpusched::cli
