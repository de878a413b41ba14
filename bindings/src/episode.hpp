#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gpusched/sim/simulation.hpp"

#include "simulation.hpp"

namespace gpusched::python {

/// One way to place the pod at hand: what the policy would do on the nodes of one state, of which `place` names one.
struct EpisodeChoice {
  Bind bind;
  std::uint32_t nodes = 1;  ///< that are in this state
};

/// What an agent is asked.
struct EpisodeDecision {
  PodId pod;
  TimeNs now = 0;
  std::vector<EpisodeChoice> choices;  ///< by the first node of their state, in the order of nodes
  std::size_t of_policy = 0;           ///< the choice that the policy would make
  std::int64_t left_out = 0;           ///< states beyond the most that are listed
};

/// Time mean of the allocated share of the GPUs and number of jobs started, as far as a replay has come; the figures
/// of the summary at its end.
class EpisodeMeter final : public sim::ReplayObserver {
 public:
  explicit EpisodeMeter(const sim::Trace& trace);
  void on_event(const Engine& engine, const Event& event) override;
  void on_decision(const Engine&, TimeNs, std::span<const PodId> pods, std::span<const Decision> decisions) override;
  void on_arrival(const sim::ArrivalSample&) override {}

  /// Integral of the allocated share up to `now`, over the length of the window.
  double allocation(TimeNs now) const;
  std::int64_t started() const { return started_; }
  TimeNs submitted(PodId pod) const { return submitted_[pod.value]; }

 private:
  double window_s_ = 0;
  TimeNs window_end_ = 0, last_ = 0;
  double share_ = 0, integral_s_ = 0;
  std::vector<TimeNs> submitted_;  // by pod
  std::vector<char> has_started_;
  std::int64_t started_ = 0;
};

/// A replay that stops before each decision on a pod that the policy can place now, and goes on with the answer. It
/// runs in a thread of its own, which holds still while Python has the turn: nothing here is read while it runs.
class EpisodeHandle {
 public:
  EpisodeHandle(const TraceHandle& trace, const py::dict& settings, std::size_t most_choices);
  ~EpisodeHandle();
  EpisodeHandle(const EpisodeHandle&) = delete;
  EpisodeHandle& operator=(const EpisodeHandle&) = delete;

  /// Gives the answer to the pending decision, an index into its choices or a negative number for "not now", and plays
  /// to the next one. False: the replay is over. The first call takes no answer. Ctrl-C ends the episode.
  bool advance(std::int64_t answer);
  /// Of the pending decision; arrays of Python. docs/python.md
  py::dict observation(std::size_t most_gpus) const;
  py::dict question() const;
  double allocation() const;
  std::int64_t started() const { return meter_.started(); }
  std::int64_t arrived() const { return simulation_->arrived(); }
  std::int64_t arrivals() const { return simulation_->arrivals(); }
  ResultHandle finish();

 private:
  enum class Turn { agent, replay };
  struct GivenUp {};

  void play();
  Decision ask(Engine& engine, PodId pod, TimeNs now);
  const EpisodeDecision& pending() const;
  void give_up();

  std::shared_ptr<const sim::Trace> trace_;
  sim::SimulationOptions options_;
  std::size_t most_choices_;
  std::vector<std::string> names_;
  EpisodeMeter meter_;
  std::vector<sim::ReplayObserver*> observers_;
  std::optional<sim::Simulation> simulation_;
  std::optional<EpisodeDecision> pending_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Turn turn_ = Turn::agent;
  std::atomic<bool> given_up_ = false;
  bool over_ = false;
  std::int64_t answer_ = -1;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace gpusched::python
