#include "gpusched/cluster/gpu_index.hpp"

#include <algorithm>
#include <bit>

#include "gpusched/base/check.hpp"

namespace gpusched {

std::uint32_t GpuIndex::Line::members(std::uint16_t bucket) const {
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < line_size; ++i) {  // without a branch: compilers compare several at a time
    found |= static_cast<std::uint32_t>(bucket_of_gpu[i] == bucket) << i;
  }
  return found;
}

void GpuIndex::reset(std::uint32_t gpu_count) {
  Line nothing;
  nothing.bucket_of_gpu.fill(no_bucket);
  lines_.assign((gpu_count + line_size - 1) / line_size, nothing);
  buckets_.clear();
  by_model_.clear();
}

std::int32_t GpuIndex::find(std::uint16_t model, std::uint16_t occupancy) const {
  if (model >= by_model_.size() || occupancy >= by_model_[model].size()) {
    return -1;
  }
  return by_model_[model][occupancy];
}

std::uint32_t GpuIndex::next_member(std::size_t bucket, std::uint32_t from) const {
  const Bucket& of = buckets_[bucket];
  if (from <= of.first) {
    return of.first;
  }
  std::uint32_t line = from / line_size;
  if (line >= lines_.size()) {
    return none;
  }
  std::uint32_t members = lines_[line].members(static_cast<std::uint16_t>(bucket)) >> (from % line_size);
  if (members != 0) {
    return from + static_cast<std::uint32_t>(std::countr_zero(members));
  }
  line = of.lines.next(line + 1);
  if (line == IndexBitset::none) {
    return none;
  }
  members = lines_[line].members(static_cast<std::uint16_t>(bucket));
  return line * line_size + static_cast<std::uint32_t>(std::countr_zero(members));
}

std::uint16_t GpuIndex::bucket_of(std::uint16_t model, std::uint16_t occupancy) {
  if (model >= by_model_.size()) {
    by_model_.resize(model + std::size_t{1});
  }
  auto& of_model = by_model_[model];
  if (occupancy >= of_model.size()) {
    of_model.resize(occupancy + std::size_t{1}, -1);
  }
  std::int32_t& index = of_model[occupancy];
  if (index < 0) {
    GPUSCHED_CHECK(buckets_.size() < no_bucket, "as many MIG states as there are buckets");
    index = static_cast<std::int32_t>(buckets_.size());
    buckets_.push_back({.model = model, .occupancy = occupancy, .lines = {}});
    buckets_.back().lines.reset(static_cast<std::uint32_t>(lines_.size()));
  }
  return static_cast<std::uint16_t>(index);
}

void GpuIndex::join(std::uint16_t bucket, std::uint32_t ordinal) {
  Bucket& of = buckets_[bucket];
  bucket_at(ordinal) = bucket;
  ++of.count;
  of.first = std::min(of.first, ordinal);
  of.lines.insert(ordinal / line_size);
}

void GpuIndex::leave(std::uint16_t bucket, std::uint32_t ordinal) {
  Bucket& of = buckets_[bucket];
  --of.count;
  if (lines_[ordinal / line_size].members(bucket) == 0) {
    of.lines.erase(ordinal / line_size);
  }
  if (of.first == ordinal) {
    of.first = 0;  // what next_member() must not lean on
    of.first = of.count > 0 ? next_member(bucket, ordinal + 1) : none;
  }
}

void GpuIndex::insert(const GpuState& gpu, std::uint32_t ordinal) {
  join(bucket_of(gpu.model, gpu.mig_occupancy), ordinal);
}

void GpuIndex::erase(std::uint32_t ordinal) {
  std::uint16_t& place = bucket_at(ordinal);
  const std::uint16_t bucket = place;
  if (bucket != no_bucket) {
    place = no_bucket;
    leave(bucket, ordinal);
  }
}

void GpuIndex::flip_units(std::uint32_t ordinal, std::uint16_t units) {
  const std::uint16_t from = bucket_at(ordinal);
  if (from != no_bucket) {
    const auto occupancy = static_cast<std::uint16_t>(buckets_[from].occupancy ^ units);
    const std::uint16_t to = bucket_of(buckets_[from].model, occupancy);
    join(to, ordinal);
    leave(from, ordinal);
  }
}

}  // namespace gpusched
