#pragma once

#include <map>
#include <string>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/simulator.hpp"
#include "gpusched/sim/trace.hpp"

#include "arguments.hpp"

namespace gpusched::cli {

/// What the user asked for cannot be done as it stands.
Error usage(std::string message, std::string remedy);

/// A trace and the options to replay it with, as the arguments describe them.
struct ReplayInputs {
  sim::Trace trace;
  sim::SimulationOptions options;
};

/// The trace of "generate:NAME:K=V,K=V".
Result<sim::Trace> generate_jobs(const std::string& text, std::uint64_t seed);

/// True when every seed makes a trace of its own.
bool generates_trace(const ReplayArguments& arguments);

/// Runs at a time: as asked for, or for 0 as many as there are cores.
int threads_for(int asked);

/// The map of a --prices file: GPU model to price per GPU-hour.
Result<std::map<std::string, double>> read_prices(const std::string& path);

/// Reads or generates everything; says on stderr which rows were dropped and why.
Result<ReplayInputs> load_inputs(const ReplayArguments& arguments);
/// The same, to be replayed under one policy, POLICY[:NAME=VALUE,...]; an unknown one is found before anything is read.
Result<ReplayInputs> load_inputs(const ReplayArguments& arguments, const std::string& policy);

/// Says on stderr what a reader kept and dropped, and why; nothing is lost silently.
void report_rows(const std::string& source, const sim::ReadReport& report);

/// The policies of a list, one by one; "all" stands for every one.
std::vector<std::string> expand_policies(const std::vector<std::string>& given);

/// A bar on stderr when that is a terminal; nothing otherwise.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void show(std::int64_t done, std::int64_t total);

 private:
  std::string title_;
  bool on_terminal_ = false;
  int last_percent_ = -1;
};

}  // namespace gpusched::cli
