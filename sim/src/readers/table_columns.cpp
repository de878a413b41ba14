#include "readers/table_columns.hpp"

#include <algorithm>

namespace gpusched::sim {

namespace {

std::string list_names(std::span<const TableColumn> columns) {
  std::string names;
  for (const TableColumn& column : columns) {
    names += names.empty() ? "" : ", ";
    names += column.name;
  }
  return names;
}

}  // namespace

const TableColumn* find_column(std::span<const TableColumn> known, std::string_view name) {
  const auto place = std::find_if(known.begin(), known.end(), [&](const TableColumn& c) { return c.name == name; });
  return place == known.end() ? nullptr : &*place;
}

Status ColumnMap::add(std::string_view name, const std::string& file, int line) {
  const TableColumn* const column = find_column(known_, name);
  if (column == nullptr && name.substr(0, 2) != "x_") {
    return Error{.code = ErrorCode::invalid_argument,
                 .message = "unknown column '" + std::string(name) + "' of " + std::string(table_),
                 .file = file,
                 .line = line,
                 .remedy = "Known columns: " + list_names(known_) + "; a column of your own begins with x_"};
  }
  if (column != nullptr && column->use == ColumnUse::interpreted) {
    places_.push_back({.extra = false, .index = static_cast<std::size_t>(column - known_.data())});
    return {};
  }
  auto place = std::find(extra_columns_.begin(), extra_columns_.end(), name);
  if (place == extra_columns_.end()) {
    place = extra_columns_.emplace(place, name);
  }
  places_.push_back({.extra = true, .index = static_cast<std::size_t>(place - extra_columns_.begin())});
  return {};
}

Status ColumnMap::check_required(const std::string& file, int line) const {
  std::string missing;
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const bool present = std::any_of(places_.begin(), places_.end(), [&](Place p) { return !p.extra && p.index == i; });
    if (known_[i].required && !present) {
      missing += missing.empty() ? "" : ", ";
      missing += known_[i].name;
    }
  }
  if (missing.empty()) {
    return {};
  }
  return Error{.code = ErrorCode::invalid_argument,
               .message = std::string(table_) + " lacks the required column " + missing,
               .file = file,
               .line = line,
               .remedy = ""};
}

bool ColumnMap::spread(std::span<const std::string_view> values, std::span<std::string_view> known,
                       std::vector<std::string_view>& extra) const {
  std::fill(known.begin(), known.end(), std::string_view());
  extra.assign(extra_columns_.size(), std::string_view());
  bool any_extra = false;
  for (std::size_t i = 0; i < std::min(values.size(), places_.size()); ++i) {
    if (places_[i].extra) {
      extra[places_[i].index] = values[i];
      any_extra = any_extra || !values[i].empty();
    } else {
      known[places_[i].index] = values[i];
    }
  }
  return any_extra;
}

}  // namespace gpusched::sim
