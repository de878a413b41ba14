#include "gpusched/sim/simulation.hpp"

#include "gpusched/sim/cluster_builder.hpp"

#include "replay.hpp"

namespace gpusched::sim {

Simulation::Simulation(std::unique_ptr<Replay> replay) : replay_(std::move(replay)) {}
Simulation::Simulation(Simulation&&) noexcept = default;
Simulation& Simulation::operator=(Simulation&&) noexcept = default;
Simulation::~Simulation() = default;

Result<Simulation> Simulation::create(const Trace& trace, const SimulationOptions& options,
                                      std::span<ReplayObserver* const> observers) {
  if (options.reshape.compaction.any() && options.reshape.rules.actuation != Actuation::per_instance) {
    return Error{
        .code = ErrorCode::unsupported,
        .message = "compaction with actuation drain-gpu would restart the pods of the GPUs that take the others",
        .file = {},
        .line = 0,
        .remedy = "Take actuation per-instance, or no compaction"};
  }
  Result<Engine> engine = Engine::create({.policy = options.policy,
                                          .seed = options.seed,
                                          .target = options.target,
                                          .preemption = options.preemption,
                                          .reshape = options.reshape.rules});
  if (!engine) {
    return engine.error();
  }
  auto replay = std::make_unique<Replay>(trace, options, std::move(engine).value(), observers);
  if (Status added = replay->add_nodes(); !added) {
    return added.error();
  }
  if (Status built = replay->build(); !built) {
    return built.error();
  }
  return Simulation(std::move(replay));
}

bool Simulation::step() { return replay_->step(); }
SimulationResult Simulation::finish() { return replay_->finish(); }
TimeNs Simulation::now() const { return replay_->now(); }
const ClusterState& Simulation::state() const { return replay_->state(); }
std::int64_t Simulation::arrived() const { return replay_->arrived(); }
std::int64_t Simulation::arrivals() const { return replay_->arrivals(); }

Result<SimulationResult> simulate(const Trace& trace, const SimulationOptions& options,
                                  std::span<ReplayObserver* const> observers, const ProgressCallback& progress) {
  constexpr std::int64_t report_every = 4096;
  Result<Simulation> created = Simulation::create(trace, options, observers);
  if (!created) {
    return created.error();
  }
  Simulation& simulation = created.value();
  std::int64_t reported = 0;
  while (simulation.step()) {
    if (progress && simulation.arrived() >= reported + report_every) {
      reported = simulation.arrived();
      progress(reported, simulation.arrivals());
    }
  }
  SimulationResult result = simulation.finish();
  if (progress) {
    progress(simulation.arrived(), simulation.arrivals());
  }
  return result;
}

SimulationOptions usual_options(const Trace& trace) {
  SimulationOptions options;
  if (trace.profiles.empty()) {
    options.target = demand_of(trace);
  } else {
    options.queue = QueueDiscipline::lines;
  }
  return options;
}

}  // namespace gpusched::sim
