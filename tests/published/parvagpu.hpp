#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gpusched/model/mig_packing.hpp"
#include "gpusched/sim/exact/slice_cover.hpp"

/// The six scenarios of ParvaGPU (Lee et al., SC'24; data: github.com/MunQ-Lee/ParvaGPU_SC24, MIT): 11 inference
/// services on A100-80GB, each with a latency objective and a rate, measured on every instance size, batch and number
/// of processes.
namespace gpusched::published {

inline constexpr std::array<const char*, 11> parva_models = {"bert",        "densenet121", "densenet169", "densenet201",
                                                             "inceptionv3", "mobilenetv2", "resnet101",   "resnet152",
                                                             "resnet50",    "vgg16",       "vgg19"};

struct ParvaScenario {
  std::int64_t deployed_slices, deployed_gpus;  ///< published deployments
  std::int64_t least_slices;                    ///< our reference: exact knapsack over the same feasible points
  std::int64_t least_gpus;  ///< over every choice of instances, by solver; the reference knows ceil(slices / 7) only
};
inline constexpr std::array<ParvaScenario, 6> parva_scenarios = {
    {{10, 2, 10, 2}, {20, 3, 20, 3}, {33, 5, 30, 5}, {48, 7, 44, 7}, {90, 13, 82, 12}, {112, 16, 104, 16}}};

using TextRows = std::vector<std::vector<std::string>>;

inline TextRows read_rows(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  TextRows rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) {
      rows.back().push_back(cell);
    }
  }
  return rows;
}

/// Thousandths, exact for up to three decimals.
inline std::int64_t milli_of(const std::string& text) { return std::llround(std::stod(text) * 1000.0); }

/// A service of a scenario with the points that its latency objective leaves.
struct ParvaService {
  std::string model;
  std::int64_t rate_milli = 0;
  std::vector<sim::ServingPoint> points;
};

/// Feasible: measured (out of memory is throughput 0), at most three processes, latency below 0.45 of the objective.
/// Throughput is per process.
inline std::vector<ParvaService> parva_services(const std::string& folder, std::size_t scenario) {
  const std::vector<std::string> objectives = read_rows(folder + "/lat.csv")[scenario];  // ms
  const std::vector<std::string> rates = read_rows(folder + "/rate.csv")[scenario];      // requests per second
  std::vector<ParvaService> services;
  for (std::size_t m = 0; m < parva_models.size(); ++m) {
    if (objectives[m] == "N/A") {
      continue;
    }
    ParvaService service{.model = parva_models[m], .rate_milli = milli_of(rates[m]), .points = {}};
    const TextRows rows = read_rows(folder + "/" + service.model + ".csv");
    for (std::size_t r = 1; r < rows.size();
         ++r) {  // Mig instance, Batch size, Workload Number, Throughput, Latency in s
      const std::int64_t processes = std::stoll(rows[r][2]);
      const std::int64_t throughput_milli = milli_of(rows[r][3]);
      const std::int64_t latency_us = 1000 * milli_of(rows[r][4]);
      const std::int64_t objective_us = milli_of(objectives[m]);
      if (throughput_milli > 0 && processes <= 3 && latency_us * 100 < 45 * objective_us) {
        service.points.push_back({.compute_slices = std::stoi(rows[r][0]), .rate_milli = throughput_milli * processes});
      }
    }
    services.push_back(std::move(service));
  }
  return services;
}

struct ParvaAnswer {
  std::int64_t slices = 0;
  std::int64_t gpus = 0;  ///< of these very instances, by the packing theorem
};

inline ParvaAnswer least_parva_slices(const std::vector<ParvaService>& services) {
  ParvaAnswer answer;
  MigCounts counts{};
  for (const ParvaService& service : services) {
    const auto cover = sim::least_slices(service.points, service.rate_milli);
    if (!cover) {
      throw std::runtime_error(service.model + " cannot be served");
    }
    answer.slices += cover->compute_slices;
    constexpr std::array<std::size_t, 5> sizes = {1, 2, 3, 4, 7};
    constexpr std::array<std::size_t, 5> shapes = {0, 2, 3, 4, 5};  // 1g, 2g, 3g, 4g, 7g
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      counts[shapes[i]] += cover->instances[sizes[i]];
    }
  }
  answer.gpus = min_gpus(counts);
  return answer;
}

/// The published deployment of a scenario: compute slices and GPUs.
inline ParvaAnswer parva_deployment(const std::string& folder, std::size_t scenario) {
  const TextRows rows = read_rows(folder + "/dep" + std::to_string(scenario + 1) + ".csv");
  ParvaAnswer answer;
  std::set<std::pair<std::string, std::string>> gpus;
  for (std::size_t r = 1; r < rows.size(); ++r) {  // Num instance, Num GPU, Model, Placement, Instance size, ...
    gpus.insert({rows[r][0], rows[r][1]});
    answer.slices += std::stoll(rows[r][4]);
  }
  answer.gpus = static_cast<std::int64_t>(gpus.size());
  return answer;
}

/// Services as the program of the fewest GPUs wants them; they refer to `services`.
inline std::vector<sim::SlicedService> sliced(const std::vector<ParvaService>& services) {
  std::vector<sim::SlicedService> result;
  for (const ParvaService& service : services) {
    result.push_back({service.points, service.rate_milli});
  }
  return result;
}

}  // namespace gpusched::published
