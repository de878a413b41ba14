#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/sim/report/report_data.hpp"

namespace gpusched::sim {

/// What a job holds of one GPU of its node: "3:460" a share, "3@4+2" an instance.
struct HeldPart {
  std::int32_t gpu = 0;
  std::int32_t start = -1;  ///< first placement unit; -1 = a share
  std::int32_t size = 0;    ///< placement units, or milli-GPU
};
/// The parts of the column `gpus`, joined by '|'. False where the text is none.
bool parse_held_parts(std::string_view text, std::vector<HeldPart>& parts);

/// Names of the modes in which a GPU is held; the first three tell what results without modes say.
std::span<const std::string_view> map_modes();

/// Follows some of the nodes through a run: all of them where their GPUs are few enough, else every k-th one.
class GpuMapBuilder {
 public:
  GpuMapBuilder(std::vector<GpuMap::Node> nodes, double span_s, const ReportLimits& limits);

  /// Whether the node, by its row, is on the map.
  bool shows(std::uint32_t node) const { return place_of_node_[node] != hidden; }
  /// A job on a node that is shown; `mode` is an index into map_modes(). `end_s` beyond the span: it runs at the end.
  void add(std::uint32_t node, std::span<const HeldPart> parts, double start_s, double end_s, std::uint8_t mode,
           std::string_view job);

  /// Leaves out every second node until the parts are few enough for a page.
  GpuMap finish();

 private:
  static constexpr std::uint32_t hidden = 0xffffffffU;

  void choose_nodes(const std::vector<GpuMap::Node>& nodes);
  bool halve();
  std::uint32_t step_at(double time_s) const;

  ReportLimits limits_;
  double span_s_ = 0;
  std::vector<std::uint32_t> place_of_node_;  // in map_.nodes
  GpuMap map_;
};

}  // namespace gpusched::sim
