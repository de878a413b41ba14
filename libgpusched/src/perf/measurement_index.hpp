#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpusched/base/result.hpp"
#include "gpusched/perf/measurement.hpp"
#include "gpusched/perf/slice_speed.hpp"

namespace gpusched {

/// The instance of a measurement as fractions of its GPU; all of it without one.
SliceFractions measured_fractions(const Measurement& row);

/// "bert/8 3g.20gb 2 copies": what a report calls a measurement.
std::string measurement_label(const Measurement& row);

/// Finds the measurement that another one is compared with. Keeps pointers into the rows.
class MeasurementIndex {
 public:
  explicit MeasurementIndex(std::span<const Measurement> rows);

  /// The same job in the same number of copies, shared in the same way, on another partition of the same GPU model;
  /// nullptr when it was not measured. Of repeated measurements the first one.
  const Measurement* on_partition(const Measurement& row, std::optional<MigProfileId> profile) const;
  /// Likewise on the smallest part of the GPU whose measurement has exactly this fraction of compute slices.
  const Measurement* on_compute(const Measurement& row, int compute_slices) const;
  /// Likewise on the whole GPU, else on an instance with all compute slices.
  const Measurement* on_largest(const Measurement& row) const;
  /// The same job alone, one copy, on the same partition, or on the given one.
  const Measurement* alone(const Measurement& row) const { return alone_on(row, row.profile); }
  const Measurement* alone_on(const Measurement& row, std::optional<MigProfileId> profile) const;

 private:
  struct Key {
    std::string_view job;
    std::uint32_t gpu_model;
    std::uint32_t profile;  // Id::invalid_value: the whole GPU
    MeasuredSharing sharing;
    int copies;
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(const Measurement& row, std::optional<MigProfileId> profile, MeasuredSharing sharing, int copies);
  const Measurement* find(const Key& key) const;

  std::map<Key, const Measurement*> rows_;
};

/// The rows that ran beside each other, each set once: named sets in the order of their first row, a row without a set
/// by itself.
std::vector<std::vector<const Measurement*>> measured_sets(std::span<const Measurement> rows);

/// not_found: a fit has no rows; `needs` says which ones it wants.
Error no_measurements(std::string_view model, std::string_view needs);

}  // namespace gpusched
