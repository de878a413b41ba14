// The C++ side of overhead.py: reads a trace once, then replays it for every line on standard input and answers with
// the wall and the CPU seconds of the call of simulate() and of the summary as text.
//   replay_seconds TRACE POLICY
#include <chrono>
#include <ctime>
#include <iostream>
#include <string>

#include "gpusched/sim/readers/trace_formats.hpp"
#include "gpusched/sim/result_files.hpp"
#include "gpusched/sim/simulator.hpp"

namespace {

using namespace gpusched;

double thread_cpu_s() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Result<std::size_t> replay(const sim::Trace& trace, const std::string& policy) {
  sim::SimulationOptions options = sim::usual_options(trace);
  options.policy.name = policy;
  const Result<sim::SimulationResult> result = sim::simulate(trace, options);
  return result ? Result<std::size_t>(sim::summary_json(result.value().summary).size()) : result.error();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: replay_seconds TRACE POLICY\n";
    return 2;
  }
  const Result<sim::ReadOutcome> read = sim::read_trace(argv[1]);
  if (!read) {
    std::cerr << read.error().to_string() << "\n";
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto begin = std::chrono::steady_clock::now();
    const double cpu_begin_s = thread_cpu_s();
    const Result<std::size_t> done = replay(read.value().trace, argv[2]);
    const double cpu_s = thread_cpu_s() - cpu_begin_s;
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    if (!done) {
      std::cerr << done.error().to_string() << "\n";
      return 1;
    }
    std::cout << wall.count() << " " << cpu_s << std::endl;
  }
}
