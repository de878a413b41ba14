#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "gpusched/model/mig_packing.hpp"

#include "mig_online_reference.hpp"

/// What moving running instances is worth on the workload of mig_online_reference.hpp.
namespace gpusched::published {

/// One cell: acceptance with one move when a request is blocked, its moves per arrival, and acceptance where everything
/// may be packed anew at every arrival.
struct MigReshapeCell {
  MigAcceptance one_move;
  double moves_per_arrival = 0;
  MigAcceptance free_repacking;
};

/// Source: as mig_references, means of 6 seeds. Cells by mix, then by load. The study moves the smallest instance that
/// helps.
inline constexpr std::array<MigReshapeCell, mig_cells> mig_reshape_reference = {{
    {{99.6, 99.3}, .007, {99.7, 99.6}},
    {{96.0, 92.7}, .046, {95.7, 93.9}},
    {{88.3, 79.9}, .091, {86.4, 81.1}},
    {{99.9, 99.7}, .003, {99.9, 99.9}},
    {{97.0, 93.5}, .035, {96.4, 94.7}},
    {{89.9, 80.6}, .080, {87.2, 81.7}},
    {{99.3, 99.0}, .010, {99.4, 99.2}},
    {{94.6, 92.3}, .055, {94.5, 93.1}},
    {{85.5, 79.8}, .108, {84.5, 80.7}},
    {{99.3, 98.6}, .007, {99.5, 99.2}},
    {{95.3, 91.4}, .031, {95.5, 93.0}},
    {{88.5, 78.9}, .057, {87.2, 80.4}},
}};

/// One move for a blocked request, at once and at no cost, as in the study.
inline sim::ReshapeSimulation free_moves() {
  sim::ReshapeSimulation reshape;
  reshape.rules.one_move_on_block = true;
  reshape.rules.cooldown_ns = 0;
  return reshape;
}

/// Counts the moves that decisions ask for, after the first `warmup` arrivals.
class MoveCounter final : public sim::ReplayObserver {
 public:
  explicit MoveCounter(std::size_t warmup = 0) : warmup_(warmup) {}

  void on_event(const Engine&, const Event&) override {}
  void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision> decisions) override {
    moves_ += arrivals_ >= warmup_ && std::holds_alternative<ReshapeThenBind>(decisions.back()) ? 1 : 0;
  }
  void on_arrival(const sim::ArrivalSample&) override { ++arrivals_; }
  std::int64_t moves() const { return moves_; }
  double per_arrival() const { return static_cast<double>(moves_) / static_cast<double>(arrivals_ - warmup_); }

 private:
  std::size_t warmup_ = 0, arrivals_ = 0;
  std::int64_t moves_ = 0;
};

/// Accepts if and only if all residents and the newcomer pack into the cluster, wherever the residents stand: the
/// packing theorem is asked at every arrival, and placements are ignored.
inline MigAcceptance repack_freely(const sim::Trace& trace, std::size_t warmup) {
  // The generator's specs are the shapes in the order of MigLattice::shapes().
  const MigLattice& lattice = MigLattice::of(find_gpu_model(trace.nodes[0].gpu_model).value());
  std::priority_queue<std::pair<TimeNs, std::size_t>, std::vector<std::pair<TimeNs, std::size_t>>, std::greater<>> ends;
  MigCounts running{};
  double arrived = 0, accepted = 0, arrived_slices = 0, accepted_slices = 0;
  for (std::size_t i = 0; i < trace.jobs.size(); ++i) {
    const sim::TraceJob& job = trace.jobs[i];
    for (; !ends.empty() && ends.top().first <= job.submit_ns; ends.pop()) {
      --running[ends.top().second];
    }
    MigCounts wanted = running;
    ++wanted[job.spec];
    const bool fits = packs(wanted, 100);
    if (fits) {
      running = wanted;
      ends.emplace(job.submit_ns + job.duration_ns, job.spec);
    }
    if (i >= warmup) {
      const int slices = lattice.shapes()[job.spec].memory_units;
      arrived += 1;
      arrived_slices += slices;
      accepted += fits ? 1 : 0;
      accepted_slices += fits ? slices : 0;
    }
  }
  return {.by_count = 100 * accepted / arrived, .by_slices = 100 * accepted_slices / arrived_slices};
}

}  // namespace gpusched::published
