#pragma once

#include <string>
#include <vector>

#include "gpusched/sim/simulator.hpp"

namespace gpusched::sim {

/// Allocation and fragmentation over arrived demand, by the rules of FGD's published figures: after every arrival,
/// bucketed by arrived demand in whole per cent of the cluster. Source: the FGD simulator's analysis scripts;
/// docs/formats/curve.md.
class Curve final : public ReplayObserver {
 public:
  struct Row {
    double allocation_percent = 0;
    double fragment_ratio_percent = 0;
    double fragment_total_percent = 0;
  };
  static constexpr int last_percent = 130;

  void on_event(const Engine&, const Event&) override {}
  void on_decision(const Engine&, TimeNs, std::span<const PodId>, std::span<const Decision>) override {}
  void on_arrival(const ArrivalSample& sample) override;

  /// Rows for 0..130 per cent. A bucket without arrivals borrows its neighbours'; a row beyond the last arrival is 0.
  std::vector<Row> rows() const;
  /// "arrived_percent,allocation_percent,fragment_ratio_percent,fragment_total_percent" and 131 lines.
  std::string to_csv() const;

 private:
  struct Point {
    int percent = 0;
    double allocation = 0;  // rounded to two decimals, as the published logs print them
    double fragment_ratio = 0;
    double fragment_milli = 0;
  };
  std::vector<Point> points_;
  double total_gpus_ = 0;
};

}  // namespace gpusched::sim
