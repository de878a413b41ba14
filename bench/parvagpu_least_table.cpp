// ParvaGPU's six scenarios: the fewest compute slices and GPUs, beside the published deployments.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "gpusched/sim/exact/solver.hpp"

#include "../tests/published/parvagpu.hpp"
#include "table_program.hpp"

int main(int argc, char** argv) {
  using namespace gpusched;
  bench::TableArguments arguments(
      "The fewest compute slices (GPCs) that serve ParvaGPU's six scenarios, and the fewest GPUs, beside the "
      "published\n"
      "deployments. Reads validation/parvagpu_a100_80gb in GPUSCHED_DATA_DIR. Exit code 1 when a figure is not as the\n"
      "reference.",
      {{"solver", "auto", "for the fewest GPUs: auto, cbc or highs"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const Result<sim::SolverName> solver = sim::find_solver_name(arguments.text("solver"));
  if (!solver) {
    std::cerr << solver.error().to_string() << "\n";
    return 2;
  }
  const std::string folder = bench::data_dir() + "/validation/parvagpu_a100_80gb";
  bool good = true;
  std::printf("%8s %18s %18s %18s %22s\n", "", "deployed", "fewest slices", "reference", "fewest GPUs");
  std::printf("%8s %9s %8s %9s %8s %18s %11s %10s\n", "scenario", "slices", "GPUs", "slices", "GPUs", "slices", "GPUs",
              "slices");
  try {
    for (std::size_t s = 0; s < published::parva_scenarios.size(); ++s) {
      const auto services = published::parva_services(folder, s);
      const published::ParvaAnswer deployed = published::parva_deployment(folder, s);
      const published::ParvaAnswer least = published::least_parva_slices(services);
      const auto answer = sim::solve(sim::least_gpus_program(published::sliced(services)), {.solver = solver.value()});
      if (!answer) {
        std::cerr << answer.error().to_string() << "\n";
        return 1;
      }
      const published::ParvaScenario& reference = published::parva_scenarios[s];
      good &= least.slices == reference.least_slices && deployed.slices == reference.deployed_slices &&
              deployed.gpus == reference.deployed_gpus && answer.value().status == sim::SolverStatus::optimal &&
              answer.value().cost / sim::gpu_weight == reference.least_gpus;
      std::printf("S%-7zu %9ld %8ld %9ld %8ld %18ld %11ld %10ld\n", s + 1, deployed.slices, deployed.gpus, least.slices,
                  least.gpus, reference.least_slices, answer.value().cost / sim::gpu_weight,
                  answer.value().cost % sim::gpu_weight);
    }
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << "\n";
    return 1;
  }
  std::printf("%s\n", good ? "as the reference" : "NOT as the reference");
  return good ? 0 : 1;
}
