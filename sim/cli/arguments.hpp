#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gpusched::cli {

/// Where the cluster, the jobs and the policy of a replay come from; shared by the commands that replay.
struct ReplayArguments {
  std::string cluster, trace, nodes, jobs, order, compat, prices;
  std::string queue, target;  ///< empty: as the trace suggests
  std::uint64_t seed = 42;
  double until_s = -1;
  double warmup = 0;
  double slowdown_error = 0;
  bool no_preemption = false;
  std::string reshape = "off", actuation = "per-instance";
  double reshape_delay_s = 10, reshape_failure = 0, reshape_cooldown_s = 1800;
  std::size_t reshape_max_moves = 0;
  double compact_every_s = 0;
  bool compact_on_drift = false, reshape_gate = false;
  std::size_t drift_window = 400;
  int compact_max_moves = 8, compact_max_moves_per_hour = 32;
};

struct RunArguments {
  ReplayArguments replay;
  std::string policy = "placeable_online";
  std::string out, event_log, curve, replay_log;
  bool json = false;
};

struct CompareArguments {
  ReplayArguments replay;
  std::vector<std::string> policies;
  int seeds = 10;
  int jobs = 0;
  std::string out;
  bool json = false;
};

struct PlanArguments {
  ReplayArguments replay;  ///< its cluster is the shape of a node, or several to choose from
  std::vector<std::string> slo, search = {"nodes"}, models, policies, price;
  std::string nodes = "1..64";
  double confidence = 0.95, scale = 1;
  int seeds = 100;
  int jobs = 0;
  std::string out;
  bool json = false;
};

struct GenerateArguments {
  std::string name;
  std::uint64_t seed = 42;
  std::vector<std::string> parameters;
  std::string out = "-";
};

struct ConvertArguments {
  std::string from, nodes, to;
};

struct FitArguments {
  std::vector<std::string> data;
  std::string model, start, out, plot;
  int max_copies = 0;  // 0: all
  bool json = false;
};

struct ReshapeArguments {
  std::string model, layout, pinned, idle, need, target;
  std::string actuation = "per-instance";
  std::string format = "text";
  std::string node = "node-0";
  int gpu = 0;
  int max_moves = 1000000;
  bool mig_off = false;
};

/// What a job asks for, where it is to differ from the trace; words as numbers of their enumerations.
struct WhatIfArguments {
  std::optional<int> job_class, isolation, mode;
  std::optional<std::int32_t> priority;
  double max_slowdown = 0;
  std::string memory, host_memory, cpu, profile, trust_domain, gpu_model, mig_profile;
};

struct ExplainArguments {
  ReplayArguments replay;
  std::string policy = "auto";
  std::string job;
  double at_s = -1;
  WhatIfArguments what_if;
  std::string format = "text";
};

struct ExactArguments {
  ReplayArguments replay;
  std::string generate;
  double at_s = -1;
  bool acceptance = false;
  std::vector<std::string> policies = {"buddy", "placeable"};
  std::string sequence = "arrival", solver = "auto", lp;
  double time_limit_s = 60;
  double reject_cost = 10, move_cost = 0.1;
  bool json = false;
};

struct ReportArguments {
  std::string directory, comparison, title;
  std::string out = "report.html";
};

struct ListArguments {
  std::string what, name;
  bool json = false;
};

/// What the user asked for. `command` is empty when the answer (help, version, a usage error) was printed already;
/// `exit_code` holds it.
struct Arguments {
  std::string command;
  int exit_code = 0;
  RunArguments run;
  CompareArguments compare;
  PlanArguments plan;
  GenerateArguments generate;
  ConvertArguments convert;
  FitArguments fit;
  ReshapeArguments reshape;
  ExplainArguments explain;
  ExactArguments exact;
  ReportArguments report;
  ListArguments list;
};

/// Parses the command line. Usage errors go to stderr with exit code 2.
Arguments parse_arguments(int argc, const char* const* argv);

/// Splits "a,b:x=1,y=2,c" into policies: a part with '=' and no ':' belongs to the policy before it.
std::vector<std::string> split_policies(const std::string& text);

}  // namespace gpusched::cli
