#include "gpusched/sim/curve.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace gpusched::sim {

namespace {

/// The value that a log line with two decimals holds: the nearest decimal, ties to the even one. The product below is
/// rounded; the signs of the fused ones are not, and the last bit decides what the published logs printed.
double as_printed(double value) {
  const double cents = std::nearbyint(value * 100.0);
  if (std::fma(value, 100.0, -(cents + 0.5)) > 0) {
    return (cents + 1) / 100.0;
  }
  return (std::fma(value, 100.0, -(cents - 0.5)) < 0 ? cents - 1 : cents) / 100.0;
}

/// NumPy's round(value, 2), which made the published tables.
double two_decimals(double value) { return std::nearbyint(value * 100.0) / 100.0; }

std::string shortest(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

/// NumPy's pairwise sum, in its order of additions: where a mean lies halfway between two printed values, the last bit
/// decides, and the published tables were made with NumPy.
double pairwise_sum(std::span<const double> values) {
  if (values.size() < 8) {
    double sum = 0;
    for (const double value : values) {
      sum += value;
    }
    return sum;
  }
  if (values.size() <= 128) {
    std::array<double, 8> lanes{};
    std::copy_n(values.begin(), lanes.size(), lanes.begin());
    std::size_t i = lanes.size();
    for (; i + lanes.size() <= values.size(); i += lanes.size()) {
      for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        lanes[lane] += values[i + lane];
      }
    }
    double sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    for (; i < values.size(); ++i) {
      sum += values[i];
    }
    return sum;
  }
  const std::size_t half = values.size() / 2 - values.size() / 2 % 8;
  return pairwise_sum(values.first(half)) + pairwise_sum(values.subspan(half));
}

template <typename Point>
double mean_of(const std::vector<const Point*>& events, double Point::*member) {
  std::vector<double> values;
  for (const Point* event : events) {
    values.push_back(event->*member);
  }
  return pairwise_sum(values) / static_cast<double>(values.size());
}

}  // namespace

void Curve::on_arrival(const ArrivalSample& sample) {
  total_gpus_ = static_cast<double>(sample.total_gpu_milli) / 1000.0;
  const double percent_of_milli = static_cast<double>(sample.total_gpu_milli) / 100.0;
  Point point;
  point.percent = static_cast<int>(std::nearbyint(static_cast<double>(sample.arrived_gpu_milli) / percent_of_milli));
  point.allocation = as_printed(static_cast<double>(sample.used_gpu_milli) / percent_of_milli);
  const double fragment = static_cast<double>(sample.weighted_fragment) / static_cast<double>(sample.weight);
  point.fragment_ratio =
      sample.free_gpu_milli > 0 ? as_printed(100.0 * fragment / static_cast<double>(sample.free_gpu_milli)) : 0;
  point.fragment_milli = as_printed(fragment);
  points_.push_back(point);
}

std::vector<Curve::Row> Curve::rows() const {
  std::vector<std::vector<const Point*>> buckets(last_percent + 2);
  for (const Point& point : points_) {
    if (point.percent >= 0 && point.percent <= last_percent + 1) {
      buckets[static_cast<std::size_t>(point.percent)].push_back(&point);
    }
  }
  std::vector<Row> rows(last_percent + 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<const Point*> events = buckets[i];
    if (events.empty()) {
      events = i > 0 ? buckets[i - 1] : events;
      events.insert(events.end(), buckets[i + 1].begin(), buckets[i + 1].end());
    }
    if (events.empty()) {
      continue;
    }
    rows[i].allocation_percent = two_decimals(mean_of(events, &Point::allocation));
    rows[i].fragment_ratio_percent = mean_of(events, &Point::fragment_ratio);
    rows[i].fragment_total_percent =
        two_decimals(100.0 * mean_of(events, &Point::fragment_milli) / 1000.0 / total_gpus_);
  }
  return rows;
}

std::string Curve::to_csv() const {
  std::string text = "arrived_percent,allocation_percent,fragment_ratio_percent,fragment_total_percent\n";
  const std::vector<Row> all = rows();
  for (std::size_t i = 0; i < all.size(); ++i) {
    text += std::to_string(i) + "," + shortest(all[i].allocation_percent) + "," +
            shortest(all[i].fragment_ratio_percent) + "," + shortest(all[i].fragment_total_percent) + "\n";
  }
  return text;
}

}  // namespace gpusched::sim
