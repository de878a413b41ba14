#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "engine/caches.hpp"

namespace gpusched {

/// Looks for one instance whose move makes a place for a MIG request that no GPU takes. docs/reshape-on-block.md
///
/// The work is over classes of GPUs: for every bucket of the GpuIndex and every instance that may stand in it, what the
/// policy makes of the newcomer in its place and of the instance in the best receiving bucket. GPUs are looked at in
/// the order of these costs, and only until one is found that none cheaper can follow.
class OneMove {
 public:
  /// Contract: the MIG preferences and the filter of `caches` are up to date; the request wants one instance.
  OneMove(ClusterState& state, Engine::Caches& caches, const ReshapeOptions& options, RequestClassId request,
          TimeNs now, const std::vector<char>* in_scope);

  std::optional<ReshapeThenBind> find();

 private:
  /// GPUs looked at before giving up: where hardly anybody may move, a refusal must not cost more in a larger cluster.
  static constexpr std::int32_t most_looks = 10'000;

  /// One way, for all GPUs of a bucket: the instance at placement `leaving` goes, the newcomer starts at `start`.
  struct Option {
    std::int64_t cost = 0;  // a lower bound where the instance leaves the GPU
    std::int16_t units = 0;
    bool goes = false;  // to another GPU
    std::int16_t leaving = 0;
    std::int16_t start = 0;
    std::int16_t stays_at = -1;  // start of the instance inside the GPU
    std::uint32_t bucket = 0;

    auto key() const { return std::tuple(cost, units, goes, bucket, leaving, start, stays_at); }
  };
  /// The cheapest buckets that take one more instance of a shape.
  struct Receivers {
    struct One {
      std::int64_t cost = 0;
      std::int64_t bucket = -1;
    };
    One best, second;
  };
  struct Found {
    ReshapeThenBind decision;
    std::int16_t units = 0;
    std::uint32_t ordinal = 0;
  };

  std::vector<Receivers> receivers_of(std::uint16_t model) const;
  void list_options(std::size_t bucket, const std::vector<Receivers>& receivers);
  void list_options_inside(std::size_t bucket, int leaving, std::uint16_t after);
  void verify(const Option& option);
  std::optional<ReshapeThenBind> on_gpu(const Option& option, std::uint32_t ordinal, bool& movable);
  PodId movable_pod(NodeId node, std::uint16_t device, const MigPlacement& placement) const;
  bool may_drain(NodeId node, std::uint16_t device) const;
  /// The cheapest place for the pod on another GPU of its model, by the policy's rule.
  std::optional<std::pair<Candidate, std::int64_t>> place_elsewhere(PodId pod, std::uint32_t but);

  ClusterState& state_;
  Engine::Caches& caches_;
  const ReshapeOptions& options_;
  RequestClassId request_;
  TimeNs now_;
  const std::vector<char>* in_scope_;
  const GpuIndex& index_;
  std::vector<Option> ways_;
  std::int32_t looks_left_ = most_looks;
  std::vector<std::pair<std::uint32_t, std::int16_t>> without_movable_;  // (bucket, leaving)
  std::optional<Found> best_;
};

}  // namespace gpusched
