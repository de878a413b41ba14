#include "drift_watch.hpp"

#include <utility>

namespace gpusched::sim {

DriftWatch::DriftWatch(const DemandDriftOptions& options, std::size_t window, std::vector<std::int64_t> weights)
    : drift_(options), window_(window), weights_(std::move(weights)), mix_(weights_.size(), 0) {}

bool DriftWatch::arrive(std::uint32_t kind) {
  mix_[kind] += weights_[kind];
  if (latest_.size() < window_) {
    latest_.push_back(kind);
    if (latest_.size() == window_) {
      drift_.adopt(mix_);
    }
    return false;
  }
  const std::uint32_t gone = std::exchange(latest_[oldest_], kind);
  mix_[gone] -= weights_[gone];
  oldest_ = (oldest_ + 1) % window_;
  if (!drift_.observe(mix_)) {
    return false;
  }
  drift_.adopt(mix_);
  return true;
}

}  // namespace gpusched::sim
