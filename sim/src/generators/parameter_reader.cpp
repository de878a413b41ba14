#include "generators/parameter_reader.hpp"

#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>

#include "gpusched/base/check.hpp"
#include "gpusched/model/gpu_catalog.hpp"

namespace gpusched::sim {

namespace {

/// The whole text as a number; nothing else may follow it.
template <typename Number>
std::optional<Number> parse(const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || stop != end) {
    return std::nullopt;
  }
  return value;
}

template <typename Number>
std::string range_text(Number low, Number high) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << low << " to " << high;
  return out.str();
}

}  // namespace

const std::string& ParameterReader::text(std::string_view name) const {
  const auto place = values_.find(name);
  GPUSCHED_CHECK(place != values_.end(), "a generator reads a parameter that its row does not list");
  return place->second;
}

void ParameterReader::refuse(std::string_view name, const std::string& reason) {
  if (!error_) {
    error_ = Error{.code = ErrorCode::invalid_argument,
                   .message = "parameter " + std::string(name) + ": '" + text(name) + "' " + reason,
                   .file = "",
                   .line = 0,
                   .remedy = ""};
  }
}

double ParameterReader::number(std::string_view name, double low, double high) {
  const std::optional<double> value = parse<double>(text(name));
  if (!value || !std::isfinite(*value) || *value < low || *value > high) {
    refuse(name, "is not a number from " + range_text(low, high));
    return low;
  }
  return *value;
}

std::int64_t ParameterReader::integer(std::string_view name, std::int64_t low, std::int64_t high) {
  const std::optional<std::int64_t> value = parse<std::int64_t>(text(name));
  if (!value || *value < low || *value > high) {
    refuse(name, "is not a whole number from " + range_text(low, high));
    return low;
  }
  return *value;
}

std::size_t ParameterReader::choice(std::string_view name, std::span<const std::string_view> choices) {
  std::string known;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == text(name)) {
      return i;
    }
    known += (i == 0 ? "" : ", ") + std::string(choices[i]);
  }
  refuse(name, "is unknown; known: " + known);
  return 0;
}

GpuModelId ParameterReader::gpu_model(std::string_view name) {
  const Result<GpuModelId> model = find_gpu_model(text(name));
  if (!model) {
    refuse(name, "is no GPU model: " + model.error().message);
    return GpuModelId{0};
  }
  return model.value();
}

}  // namespace gpusched::sim
