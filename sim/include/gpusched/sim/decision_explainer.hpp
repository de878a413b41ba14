#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/engine/engine.hpp"
#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Which decision of a replay to explain, and for which request.
struct ExplainQuestion {
  std::string job;                        ///< its decision that gave it a place, or else its first one; empty: use `at`
  TimeNs at_ns = -1;                      ///< the state after everything that happened until then
  std::function<void(GpuRequest&)> edit;  ///< makes the job's request, or that of one whole GPU, another one
};

struct ExplainedDecision {
  TimeNs time_ns = 0;
  Explanation explanation;
  std::vector<std::string> node_names;  ///< by NodeId
};

/// Listens to a replay with an engine of its own, fed the same events and asked the same questions, so that it can be
/// asked more.
class DecisionExplainer final : public ReplayObserver {
 public:
  /// not_found: no such job in the trace, with names that come near.
  static Result<std::unique_ptr<DecisionExplainer>> create(const Trace& trace, const SimulationOptions& options,
                                                           ExplainQuestion question);

  void on_event(const Engine& engine, const Event& event) override;
  void on_decision(const Engine& engine, TimeNs now, std::span<const PodId> pods,
                   std::span<const Decision> decisions) override;
  void on_arrival(const ArrivalSample&) override {}

  /// After the replay. not_found: no decision was asked for the job. invalid_argument: the edited request
  /// contradicts itself.
  Result<ExplainedDecision> result();

 private:
  DecisionExplainer(Engine engine, ExplainQuestion question, PodId pod)
      : engine_(std::move(engine)), question_(std::move(question)), pod_(pod) {}

  RequestClassId own_class(const Engine& engine, RequestClassId request);
  void explain(GpuRequest request, TimeNs now);

  Engine engine_;
  ExplainQuestion question_;
  PodId pod_;                              // invalid: a time is asked for
  std::vector<RequestClassId> own_class_;  // by the class of the replay's engine
  std::optional<ExplainedDecision> explained_;
  Status refused_;  // what is wrong with the edited request
  bool done_ = false;
};

}  // namespace gpusched::sim
