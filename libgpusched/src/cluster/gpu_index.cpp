#include "gpusched/cluster/gpu_index.hpp"

#include <algorithm>
#include <bit>

#include "gpusched/base/check.hpp"

namespace gpusched {

std::uint32_t GpuIndex::Line::first_from(std::uint16_t bucket, std::uint32_t from) const {
  constexpr std::uint64_t ones = 0x0001000100010001U;
  constexpr std::uint64_t top_bits = ones << 15;
  std::uint64_t others = 0;  // bit 16 * field + word: that GPU is in another bucket
  for (std::size_t word = 0; word < words_.size(); ++word) {
    const std::uint64_t differs = words_[word] ^ (bucket * ones);
    const std::uint64_t not_zero = (((differs & ~top_bits) + ~top_bits) | differs) & top_bits;
    others |= not_zero >> (15 - word);
  }
  const std::uint64_t wanted = (others ^ (ones * 0xff)) & (~std::uint64_t{0} << bit_of(from));
  const auto found = static_cast<std::uint32_t>(std::countr_zero(wanted));
  return found == 64 ? none : found / 16 * 8 + found % 16;
}

void GpuIndex::reset(std::uint32_t gpu_count) {
  lines_.assign((gpu_count + line_size - 1) / line_size, Line());
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
  const auto number = static_cast<std::uint16_t>(bucket);
  std::uint32_t member = lines_[line].first_from(number, from % line_size);
  if (member == none) {
    line = of.lines.next(line + 1);
    if (line == IndexBitset::none) {
      return none;
    }
    member = lines_[line].first_from(number, 0);
  }
  return line * line_size + member;
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
  lines_[ordinal / line_size].set(ordinal % line_size, bucket);
  ++of.count;
  of.first = std::min(of.first, ordinal);
  of.lines.insert(ordinal / line_size);
}

void GpuIndex::leave(std::uint16_t bucket, std::uint32_t ordinal) {
  Bucket& of = buckets_[bucket];
  const std::uint32_t line = ordinal / line_size;
  std::uint32_t lowest = lines_[line].first_from(bucket, 0);
  --of.count;
  if (lowest == none) {
    of.lines.erase(line);
  }
  if (of.first != ordinal) {
    return;
  }
  of.first = none;
  if (of.count > 0) {
    const std::uint32_t next = lowest == none ? of.lines.next(line + 1) : line;
    lowest = lowest == none ? lines_[next].first_from(bucket, 0) : lowest;
    of.first = next * line_size + lowest;
  }
}

void GpuIndex::insert(const GpuState& gpu, std::uint32_t ordinal) {
  join(bucket_of(gpu.model, gpu.mig_occupancy), ordinal);
}

void GpuIndex::erase(std::uint32_t ordinal) {
  Line& line = lines_[ordinal / line_size];
  const std::uint16_t bucket = line.get(ordinal % line_size);
  if (bucket != no_bucket) {
    line.set(ordinal % line_size, no_bucket);
    leave(bucket, ordinal);
  }
}

void GpuIndex::flip_units(std::uint32_t ordinal, std::uint16_t units) {
  const std::uint16_t from = lines_[ordinal / line_size].get(ordinal % line_size);
  if (from != no_bucket) {
    const auto occupancy = static_cast<std::uint16_t>(buckets_[from].occupancy ^ units);
    const std::uint16_t to = bucket_of(buckets_[from].model, occupancy);
    join(to, ordinal);
    leave(from, ordinal);
  }
}

}  // namespace gpusched
