#include "perf/measurement_index.hpp"

#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched {

SliceFractions measured_fractions(const Measurement& row) {
  if (!row.profile) {
    return {};
  }
  const GpuModel& model = gpu_model(row.gpu_model);
  return slice_fractions(model, model.profiles[row.profile->value]);
}

std::string measurement_label(const Measurement& row) {
  std::string label = row.job;
  if (row.profile) {
    label += " " + std::string(gpu_model(row.gpu_model).profiles[row.profile->value].name);
  }
  if (row.copies > 1) {
    label += " " + std::to_string(row.copies) + " copies";
  }
  return row.set.empty() ? label : label + " in " + row.set;
}

MeasurementIndex::MeasurementIndex(std::span<const Measurement> rows) {
  for (const Measurement& row : rows) {
    if (row.set.empty()) {
      rows_.try_emplace(key_of(row, row.profile, row.sharing, row.copies), &row);
    }
  }
}

MeasurementIndex::Key MeasurementIndex::key_of(const Measurement& row, std::optional<MigProfileId> profile,
                                               MeasuredSharing sharing, int copies) {
  return {.job = row.job,
          .gpu_model = row.gpu_model.value,
          .profile = profile.value_or(MigProfileId{}).value,
          .sharing = sharing,
          .copies = copies};
}

const Measurement* MeasurementIndex::find(const Key& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : found->second;
}

const Measurement* MeasurementIndex::on_partition(const Measurement& row, std::optional<MigProfileId> profile) const {
  return find(key_of(row, profile, row.sharing, row.copies));
}

const Measurement* MeasurementIndex::on_compute(const Measurement& row, int compute_slices) const {
  const GpuModel& model = gpu_model(row.gpu_model);
  for (std::uint32_t i = 0; i < model.profiles.size(); ++i) {
    if (model.profiles[i].compute_slices == compute_slices) {
      if (const Measurement* found = on_partition(row, MigProfileId{i})) {
        return found;
      }
    }
  }
  return nullptr;
}

const Measurement* MeasurementIndex::on_largest(const Measurement& row) const {
  const Measurement* whole = on_partition(row, std::nullopt);
  return whole != nullptr ? whole : on_compute(row, gpu_model(row.gpu_model).compute_slices);
}

const Measurement* MeasurementIndex::alone_on(const Measurement& row, std::optional<MigProfileId> profile) const {
  return find(key_of(row, profile, MeasuredSharing::exclusive, 1));
}

std::vector<std::vector<const Measurement*>> measured_sets(std::span<const Measurement> rows) {
  std::vector<std::vector<const Measurement*>> sets;
  std::map<std::string_view, std::size_t> index;
  for (const Measurement& row : rows) {
    if (row.set.empty()) {
      sets.push_back({&row});
      continue;
    }
    const auto [entry, is_new] = index.try_emplace(row.set, sets.size());
    if (is_new) {
      sets.emplace_back();
    }
    sets[entry->second].push_back(&row);
  }
  return sets;
}

Error no_measurements(std::string_view model, std::string_view needs) {
  return {.code = ErrorCode::not_found,
          .message = "no measurements to fit " + std::string(model) + " to",
          .file = {},
          .line = 0,
          .remedy = "It needs " + std::string(needs) + "; docs/formats/measurements.md describes the columns"};
}

}  // namespace gpusched
