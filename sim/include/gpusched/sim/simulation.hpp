#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "gpusched/base/result.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

class Replay;

/// A replay in the hands of its caller: what simulate() does, one step at a time. Who stops stepping has cancelled it.
class Simulation {
 public:
  /// Errors as those of simulate(). `trace`, `options` and what `observers` spans must live as long.
  static Result<Simulation> create(const Trace& trace, const SimulationOptions& options,
                                   std::span<ReplayObserver* const> observers = {});
  Simulation(Simulation&&) noexcept;
  Simulation& operator=(Simulation&&) noexcept;
  ~Simulation();

  /// Lets the next thing happen: an arrival, an end, a node event, or those who wait are tried again. False: nothing is
  /// left, or the end is reached.
  bool step();
  /// The figures up to the last step. Once; then nothing but destruction is allowed.
  SimulationResult finish();

  TimeNs now() const;
  const ClusterState& state() const;
  /// What starts together (a pod, a gang) and has arrived, of all that will.
  std::int64_t arrived() const;
  std::int64_t arrivals() const;

 private:
  explicit Simulation(std::unique_ptr<Replay> replay);

  std::unique_ptr<Replay> replay_;
};

}  // namespace gpusched::sim
