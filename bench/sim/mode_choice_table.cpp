// What choosing the mode of each job is worth: policy `auto` beside every fixed mode and beside static pools that were
// searched for each workload, paired by seed. Workloads: generator mode-mix (docs/generators.md).
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "gpusched/base/check.hpp"
#include "gpusched/base/philox.hpp"
#include "gpusched/sim/comparison.hpp"
#include "gpusched/sim/generators/trace_generators.hpp"
#include "gpusched/sim/simulator.hpp"

#include "table_program.hpp"

namespace {

using namespace gpusched;
using sim::ExecutionSummary;

/// One workload.
struct Cell {
  std::string mix, load;
  std::string name() const { return mix + " " + load; }
};

/// Where predictions are true, or where they err and some jobs come without profile.
struct World {
  const char* name;
  double slowdown_error;
  const char* unknown;
};
constexpr std::array<World, 2> worlds = {{{"true", 0, "0"}, {"erroneous", 0.15, "0.1"}}};

/// Fixed modes of a whole cluster, as an administrator sets them.
struct Baseline {
  const char* policy;
  NodeSharing sharing;
  bool keeps_trust;
};
constexpr std::array<Baseline, 13> baselines = {{
    {"all_whole", NodeSharing::any, true},
    {"mig_static:layout=balanced", NodeSharing::mig, true},
    {"mig_static:layout=smallest", NodeSharing::mig, true},
    {"mig_static:layout=mixed", NodeSharing::mig, true},
    {"mig_dynamic", NodeSharing::any, true},
    {"time_slice:replicas=4", NodeSharing::any, true},
    {"time_slice:replicas=4,guard=none", NodeSharing::any, true},
    {"time_slice:replicas=8", NodeSharing::any, true},
    {"time_slice:replicas=8,guard=none", NodeSharing::any, true},
    {"time_slice:replicas=4,guard=slowdown", NodeSharing::any, true},
    {"mps", NodeSharing::any, true},
    {"mps:guard=slowdown", NodeSharing::any, true},
    {"mps:trust=ignore", NodeSharing::any, false},
}};

sim::Trace make_trace(const Cell& cell, const World& world, std::uint64_t seed) {
  return sim::generate_trace("mode-mix", {{"mix", cell.mix}, {"load", cell.load}, {"unknown", world.unknown}}, seed)
      .value();
}

/// `moves`: a job that finds no place may have one pod moved.
ExecutionSummary run(const sim::Trace& trace, const std::string& policy, const World& world, std::uint64_t seed,
                     bool moves = false) {
  sim::SimulationOptions options;
  options.policy = parse_policy(policy).value();
  options.seed = seed;
  options.queue = sim::QueueDiscipline::lines;
  options.preemption = false;
  options.execution.slowdown_error = world.slowdown_error;
  options.reshape.rules.one_move_on_block = moves;
  const auto result = sim::simulate(trace, options);
  GPUSCHED_CHECK(result.ok(), result.ok() ? "" : result.error().to_string());
  return result.value().summary.execution.value();
}

/// What the search for pools maximises: goodput and balance, less what the SLO falls short of 0.93.
double objective(const ExecutionSummary& s) {
  double offered = 0;
  for (const double of_class : s.offered) {
    offered += of_class;
  }
  return 0.5 * s.goodput / offered + 0.5 * s.balanced_goodput - 2 * std::max(0.0, 0.93 - s.slo_attainment);
}

/// A random static split of 64 GPUs: sizes in steps of four, a route for each class, replicas, and how pools fill.
std::string draw_pools(Philox& draws, const char* guard) {
  const auto pick = [&](std::span<const char* const> from) {
    return std::string(from[draws.next_below(static_cast<std::uint32_t>(from.size()))]);
  };
  std::array<std::int64_t, 3> cuts{};
  for (std::int64_t& cut : cuts) {
    cut = 4 * draws.next_below(17);
  }
  std::sort(cuts.begin(), cuts.end());
  constexpr const char* online[] = {
      "mig+whole", "mps+whole", "mig+mps+whole", "mig+time_slice+mps+whole", "mig+time_slice+whole", "mig+mps"};
  constexpr const char* dev[] = {"time_slice+whole", "mig+time_slice+whole", "mig+time_slice+mps+whole",
                                 "mig+mps+whole",    "mps+time_slice",       "mig+time_slice"};
  constexpr const char* batch[] = {"mig+whole",     "whole",   "mig+time_slice+mps+whole",
                                   "mig+mps+whole", "mig+mps", "mig+time_slice+whole"};
  constexpr const char* replicas[] = {"4", "8"};
  constexpr const char* fill[] = {"pack", "spread"};
  return "pools:mig=" + std::to_string(cuts[0]) + ",time_slice=" + std::to_string(cuts[1] - cuts[0]) +
         ",mps=" + std::to_string(cuts[2] - cuts[1]) + ",replicas=" + pick(replicas) + ",fill=" + pick(fill) +
         ",always_on=" + pick(online) + ",burst=" + pick(online) + ",dev=" + pick(dev) + ",batch=" + pick(batch) +
         ",guard=" + guard;
}

/// The best of `settings` random splits on tuning seeds: all on the first, the best tenth on three more.
std::string search_pools(const Cell& cell, const char* guard, std::uint32_t settings, std::uint64_t tuning_seed) {
  Philox draws(tuning_seed, StreamPurpose::request, 77);
  std::vector<std::pair<double, std::string>> found;
  for (std::uint32_t i = 0; i < settings; ++i) {
    found.emplace_back(0.0, draw_pools(draws, guard));
  }
  std::size_t rounds = 1;
  for (std::uint64_t seed = tuning_seed; seed < tuning_seed + 4; ++seed) {
    const sim::Trace trace = make_trace(cell, worlds[0], seed);
    bench::on_all_cores(found.size(), [&](std::size_t i) {
      found[i].first += objective(run(trace, found[i].second, worlds[0], seed));
    });
    if (rounds++ == 1) {
      std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
      found.resize(std::max<std::size_t>(1, found.size() / 10));
    }
  }
  const auto best =
      std::max_element(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::printf("pools searched for %-14s guard=%-8s objective %.3f  %s\n", cell.name().c_str(), guard, best->first / 4,
              best->second.c_str());
  std::fflush(stdout);
  return best->second;
}

struct Runs {
  std::string policy;
  std::vector<ExecutionSummary> by_seed;

  sim::Estimate estimate(double ExecutionSummary::*figure) const {
    std::vector<double> values;
    for (const ExecutionSummary& s : by_seed) {
      values.push_back(s.*figure);
    }
    return sim::estimate(values);
  }
  double mean(double (*figure)(const ExecutionSummary&)) const {
    double sum = 0;
    for (const ExecutionSummary& s : by_seed) {
      sum += figure(s) / static_cast<double>(by_seed.size());
    }
    return sum;
  }
};

/// Gain of a over b in percent of b, seed by seed.
sim::Estimate gain(const Runs& a, const Runs& b, double ExecutionSummary::*figure) {
  std::vector<double> values;
  for (std::size_t i = 0; i < a.by_seed.size(); ++i) {
    values.push_back(100 * (a.by_seed[i].*figure / b.by_seed[i].*figure - 1));
  }
  return sim::estimate(values);
}

void print_runs(const Runs& runs) {
  using S = ExecutionSummary;
  const sim::Estimate g = runs.estimate(&S::goodput);
  const sim::Estimate ng = runs.estimate(&S::balanced_goodput);
  std::printf("  %-40.40s %.3f +-%.3f  %.3f +-%.3f  %.3f  ", runs.policy.c_str(), g.mean, g.half_width, ng.mean,
              ng.half_width, runs.estimate(&S::slo_attainment).mean);
  for (std::size_t i = 0; i < sim::goodput_class_count; ++i) {
    double served = 0;
    for (const S& s : runs.by_seed) {
      served += s.served[i] / static_cast<double>(runs.by_seed.size());
    }
    std::printf("%5.2f", served);
  }
  std::printf("  %.2f %7.0f", runs.estimate(&S::unserved).mean, runs.estimate(&S::wait_s_p95).mean);
  for (std::size_t i = 0; i < sim::start_mode_count; ++i) {
    double starts = 0, all = 0;
    for (const S& s : runs.by_seed) {
      starts += static_cast<double>(s.starts[i]);
      for (const std::int64_t of_mode : s.starts) {
        all += static_cast<double>(of_mode);
      }
    }
    std::printf(" %.2f", all > 0 ? starts / all : 0.0);
  }
  std::printf(" %6.0f %6.0f %3.0f %5.0f\n", runs.mean([](const S& s) { return static_cast<double>(s.openings); }),
              runs.mean([](const S& s) { return static_cast<double>(s.oom_kills); }),
              runs.mean([](const S& s) { return static_cast<double>(s.isolation_violations); }),
              runs.mean([](const S& s) { return static_cast<double>(s.trust_violations); }));
}

/// How the claims stand in one world.
struct Claims {
  int cells = 0, over_fixed = 0, over_blind = 0, slo = 0, blind_above_zero = 0, guarded_above_zero = 0;
  std::vector<double> over_guarded;
};

void judge(const Runs& ours, const std::vector<Runs>& fixed, const Runs& blind, const Runs& guarded, bool true_world,
           Claims& claims) {
  using S = ExecutionSummary;
  double least = 1e9;
  for (const Runs& other : fixed) {
    least = std::min(least, gain(ours, other, &S::goodput).mean);
  }
  const sim::Estimate over_blind = gain(ours, blind, &S::goodput);
  const sim::Estimate over_guarded = gain(ours, guarded, &S::goodput);
  const double slo = ours.estimate(&S::slo_attainment).mean;
  const double slo_behind = blind.estimate(&S::slo_attainment).mean - slo;
  std::printf(
      "  auto: over the best fixed mode %+.1f %%, over pools %+.1f +-%.1f %%, over guarded pools %+.1f +-%.1f %%"
      " (NG %+.1f +-%.1f %%), SLO %+.3f to pools\n",
      least, over_blind.mean, over_blind.half_width, over_guarded.mean, over_guarded.half_width,
      gain(ours, guarded, &S::balanced_goodput).mean, gain(ours, guarded, &S::balanced_goodput).half_width,
      -slo_behind);
  ++claims.cells;
  claims.over_fixed += least >= 12 ? 1 : 0;
  claims.over_blind += over_blind.mean >= 10 ? 1 : 0;
  claims.over_guarded.push_back(over_guarded.mean);
  claims.slo += true_world ? slo >= 0.93 && slo_behind <= 0.03 : slo >= 0.90;
  claims.blind_above_zero += over_blind.mean - over_blind.half_width > 0 ? 1 : 0;
  claims.guarded_above_zero += over_guarded.mean - over_guarded.half_width > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::TableArguments arguments(
      "Goodput of policy auto beside fixed modes and searched static pools. With --settings 0 the pools are read from "
      "--pools.",
      {{"mixes", "inference,dev,training,mixedday", "of mode-mix; honesty: smalliso,gangs at load 1.0"},
       {"loads", "0.7,1.0,1.3", "offered loads"},
       {"seeds", "1-10", "test seeds"},
       {"settings", "200", "random static pools tried per cell and guard, on tuning seeds 101 to 104"},
       {"pools", "", "file with the pools of each cell, one 'MIX LOAD GUARD POLICY' a line; written after a search"},
       {"policy", "auto", "the policy that is judged"},
       {"moves", "1", "0: nobody is moved for a job that finds no place"},
       {"baselines", "1", "0: pools alone"}});
  if (const auto exit_code = arguments.parse(argc, argv)) {
    return *exit_code;
  }
  const auto seeds = arguments.range("seeds");
  std::vector<Cell> cells;
  for (const std::string& mix : arguments.list("mixes")) {
    for (const std::string& load : arguments.list("loads")) {
      cells.push_back({mix, load});
    }
  }
  const auto settings = static_cast<std::uint32_t>(std::stoul(arguments.text("settings")));
  std::map<std::string, std::string> pools;  // by "MIX LOAD GUARD"
  if (settings == 0) {
    std::ifstream file(arguments.text("pools"));
    std::string mix, load, guard, policy;
    while (file >> mix >> load >> guard >> policy) {
      pools[mix + " " + load + " " + guard] = policy;
    }
  }
  std::ofstream written;
  if (settings > 0 && !arguments.text("pools").empty()) {
    written.open(arguments.text("pools"));
  }
  for (const Cell& cell : cells) {
    for (const char* guard : {"memory", "slowdown"}) {
      std::string& found = pools[cell.name() + " " + guard];
      if (settings > 0) {
        found = search_pools(cell, guard, settings, 101);
        written << cell.name() << " " << guard << " " << found << "\n" << std::flush;
      }
      if (settings == 0) {
        std::printf("pools read for %-14s guard=%-8s %s\n", cell.name().c_str(), guard, found.c_str());
      }
      if (found.empty()) {
        std::cerr << "no pools for " << cell.name() << " " << guard << " in '" << arguments.text("pools") << "'\n";
        return 1;
      }
    }
  }
  const bool with_baselines = arguments.text("baselines") != "0";
  const bool moves = arguments.text("moves") != "0";
  for (const World& world : worlds) {
    Claims claims;
    for (const Cell& cell : cells) {
      std::printf(
          "\n%s, %s world\n  %-40s %-14s %-14s %-6s served: svc burst dev train gang  unserved wait95 "
          "starts whole mig ts mps tsmig   made    oom iso trust\n",
          cell.name().c_str(), world.name, "policy", "G", "NG", "SLO");
      std::vector<std::string> policies = {arguments.text("policy"), pools[cell.name() + " memory"],
                                           pools[cell.name() + " slowdown"]};
      for (std::size_t i = 0; i < baselines.size() && with_baselines; ++i) {
        policies.emplace_back(baselines[i].policy);
      }
      std::vector<Runs> runs(policies.size());
      const std::size_t count = seeds->second - seeds->first + 1;
      for (std::size_t i = 0; i < policies.size(); ++i) {
        runs[i].policy = policies[i];
        runs[i].by_seed.resize(count);
      }
      bench::on_all_cores(count, [&](std::size_t i) {
        const std::uint64_t seed = seeds->first + i;
        const sim::Trace trace = make_trace(cell, world, seed);
        sim::Trace cut = trace;
        for (sim::TraceNode& node : cut.nodes) {
          node.sharing = NodeSharing::mig;
        }
        for (std::size_t p = 0; p < policies.size(); ++p) {
          const bool is_cut = p >= 3 && baselines[p - 3].sharing == NodeSharing::mig;
          runs[p].by_seed[i] = run(is_cut ? cut : trace, policies[p], world, seed, p == 0 && moves);
        }
      });
      std::vector<Runs> fixed;
      for (std::size_t p = 0; p < policies.size(); ++p) {
        print_runs(runs[p]);
        if (p >= 3 && baselines[p - 3].keeps_trust) {
          fixed.push_back(runs[p]);
        }
      }
      judge(runs[0], fixed, runs[1], runs[2], &world == worlds.data(), claims);
      std::fflush(stdout);
    }
    std::sort(claims.over_guarded.begin(), claims.over_guarded.end());
    const std::size_t n = claims.over_guarded.size();
    std::printf(
        "\n%s world, %d cells: at least 12 %% over every fixed mode that keeps trust in %d, at least 10 %% over "
        "pools in %d, over guarded pools %+.1f %% in the median; SLO holds in %d; above pools, interval above 0, "
        "in %d, above guarded pools in %d\n",
        world.name, claims.cells, claims.over_fixed, claims.over_blind,
        0.5 * (claims.over_guarded[(n - 1) / 2] + claims.over_guarded[n / 2]), claims.slo, claims.blind_above_zero,
        claims.guarded_above_zero);
  }
  return 0;
}
