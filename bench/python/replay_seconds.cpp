// The C++ side of overhead.py: CPU seconds of simulate() on a generated trace, one line per repetition.
//   replay_seconds JOBS POLICY REPETITIONS
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/simulator.hpp"

int main(int argc, char** argv) {
  using namespace gpusched::sim;
  if (argc != 4) {
    std::cerr << "usage: replay_seconds JOBS POLICY REPETITIONS\n";
    return 2;
  }
  const auto trace = generate_trace("mig-mix", {{"jobs", argv[1]}, {"gpus", "800"}}, 42);
  if (!trace) {
    std::cerr << trace.error().to_string() << "\n";
    return 1;
  }
  for (int i = 0; i < std::atoi(argv[3]); ++i) {
    const std::clock_t begin = std::clock();
    SimulationOptions options = usual_options(trace.value());
    options.policy.name = argv[2];
    if (const auto result = simulate(trace.value(), options); !result) {
      std::cerr << result.error().to_string() << "\n";
      return 1;
    }
    std::cout << static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC << std::endl;
  }
}
