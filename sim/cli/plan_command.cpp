#include <charconv>
#include <iostream>

#include <unistd.h>

#include "gpusched/model/gpu_catalog.hpp"
#include "gpusched/sim/plan_metrics.hpp"
#include "gpusched/sim/plan_replays.hpp"
#include "gpusched/sim/plan_text.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "replay_inputs.hpp"

namespace gpusched::cli {

namespace {

/// Price of a GPU-hour by catalogue name: --price before --prices.
Result<std::map<std::string, double>> prices_of(const PlanArguments& arguments) {
  std::map<std::string, double> by_model;
  if (!arguments.replay.prices.empty()) {
    Result<std::map<std::string, double>> read = read_prices(arguments.replay.prices);
    if (!read) {
      return read.error();
    }
    for (const auto& [model, price] : read.value()) {
      by_model[std::string(gpu_model(find_gpu_model(model).value()).name)] = price;
    }
  }
  for (const std::string& item : arguments.price) {
    const std::size_t equals = std::min(item.find('='), item.size());
    const Result<GpuModelId> model = find_gpu_model(item.substr(0, equals));
    if (!model) {
      return model.error();
    }
    double price = 0;
    const char* const end = item.data() + item.size();
    const auto [stop, error] = std::from_chars(item.data() + std::min(equals + 1, item.size()), end, price);
    if (error != std::errc() || stop != end || !(price > 0)) {
      return usage("--price '" + item + "' is not MODEL=PRICE with a price above 0", "Write H100-80GB-SXM5=2.95");
    }
    by_model[std::string(gpu_model(model.value()).name)] = price;
  }
  return by_model;
}

Result<sim::PlanQuery> query_of(const PlanArguments& arguments) {
  Result<std::map<std::string, double>> prices = prices_of(arguments);
  if (!prices) {
    return prices.error();
  }
  return sim::PlanQuery{.shapes = arguments.replay.cluster,
                        .nodes = arguments.nodes,
                        .search = arguments.search,
                        .models = arguments.models,
                        .policies = expand_policies(arguments.policies),
                        .prices = std::move(prices).value()};
}

/// How many runs there will be is not known before: a line that counts.
class RunCounter {
 public:
  explicit RunCounter(const sim::PlanSpace& space) : space_(space), on_terminal_(isatty(STDERR_FILENO) != 0) {}
  ~RunCounter() {
    if (shown_) {
      std::cerr << "\r\033[K" << std::flush;
    }
  }
  RunCounter(const RunCounter&) = delete;
  RunCounter& operator=(const RunCounter&) = delete;

  void show(std::int64_t runs, const sim::PlanCandidate& now) {
    if (on_terminal_) {
      shown_ = true;
      std::cerr << "\rplan: " << runs << " runs, now " << now.size << " nodes, " << space_.kinds[now.kind].name()
                << "\033[K" << std::flush;
    }
  }

 private:
  const sim::PlanSpace& space_;
  bool on_terminal_ = false;
  bool shown_ = false;
};

sim::PlanWorkload workload_of(const ReplayArguments& replay, double scale, ReplayInputs first) {
  sim::PlanWorkload workload{
      .recorded = std::move(first.trace), .options = std::move(first.options), .compat = replay.compat, .scale = scale};
  if (generates_trace(replay)) {
    workload.generate = [replay](std::uint64_t seed) { return generate_jobs(replay.trace, seed); };
  }
  return workload;
}

Result<std::vector<sim::PlanTarget>> read_targets(const std::vector<std::string>& texts) {
  std::vector<sim::PlanTarget> targets;
  for (const std::string& text : texts) {
    Result<sim::PlanTarget> target = sim::parse_plan_target(text);
    if (!target) {
      return target.error();
    }
    targets.push_back(target.value());
  }
  return targets;
}

}  // namespace

Status plan(const PlanArguments& arguments) {
  const Result<std::vector<sim::PlanTarget>> targets = read_targets(arguments.slo);
  if (!targets) {
    return targets.error();
  }
  const Result<sim::PlanQuery> query = query_of(arguments);
  if (!query) {
    return query.error();
  }
  const Result<std::string> cluster = sim::any_cluster(query.value());
  if (!cluster) {
    return cluster.error();
  }
  ReplayArguments replay = arguments.replay;
  replay.cluster = cluster.value();
  replay.prices.clear();
  Result<ReplayInputs> first = load_inputs(replay);
  if (!first) {
    return first.error();
  }
  const Result<sim::PlanSpace> space = sim::plan_space(query.value(), !first.value().trace.profiles.empty());
  if (!space) {
    return space.error();
  }
  const sim::PlanWorkload workload = workload_of(replay, arguments.scale, std::move(first).value());
  const sim::PlanOptions options{.confidence = arguments.confidence,
                                 .first_seed = arguments.replay.seed,
                                 .most_seeds = arguments.seeds,
                                 .threads = threads_for(arguments.jobs)};
  const Result<sim::PlanResult> result = [&] {
    RunCounter counter(space.value());
    return sim::plan(
        space.value().planner_kinds(), targets.value(), options,
        [&](const sim::PlanCandidate& candidate, std::uint64_t seed) {
          return sim::run_plan_candidate(space.value(), workload, candidate, seed);
        },
        [&](std::int64_t runs, const sim::PlanCandidate& now) { counter.show(runs, now); });
  }();
  if (!result) {
    return result.error();
  }
  const sim::PlanReport report{space.value(), targets.value(), options, result.value()};
  if (!arguments.out.empty()) {
    if (Status written = sim::write_text(arguments.out, sim::plan_csv(report)); !written) {
      return written;
    }
  }
  if (!result.value().best) {
    return sim::no_plan(report);
  }
  if (arguments.json) {
    std::cout << sim::plan_json(report);
  } else if (arguments.out != "-") {
    std::cout << sim::plan_text(report);
  }
  return {};
}

}  // namespace gpusched::cli
