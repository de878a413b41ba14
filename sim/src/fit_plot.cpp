#include "gpusched/sim/fit_plot.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <vector>

namespace gpusched::sim {

namespace {

constexpr double side = 400;
constexpr double left_panel = 70;
constexpr double right_panel = 570;
constexpr double top = 60;
constexpr double legend_x = 990;
constexpr int width = 1160;
constexpr int height = 530;
constexpr double log_ratio = 100;  // of the largest over the smallest value
constexpr std::array<std::string_view, 12> colours = {"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b",
                                                      "#e377c2", "#17becf", "#bcbd22", "#444444", "#000080", "#8fbc8f"};
constexpr std::size_t legend_rows = 24;

std::string decimal(double value, int precision = 6) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::general, precision).ptr;
  return {buffer, end};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      // Control characters are not allowed in XML.
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

/// Maps values to pixels along one side of a panel.
class Axis {
 public:
  Axis(double least, double most, bool logarithmic) : logarithmic_(logarithmic) {
    if (logarithmic) {
      least_ = std::floor(std::log10(least));
      most_ = std::max(least_ + 1, std::ceil(std::log10(most)));
      return;
    }
    const double span = most > least ? most - least : std::max(1.0, std::abs(most));
    step_ = std::pow(10, std::floor(std::log10(span)));
    for (const double factor : {0.2, 0.5, 1.0}) {
      if (span / (step_ * factor) <= 6) {
        step_ *= factor;
        break;
      }
    }
    least_ = std::floor(least / step_) * step_;
    most_ = std::max(std::ceil(most / step_) * step_, least_ + step_);
  }

  double at(double value) const {
    const double place = logarithmic_ ? std::log10(std::max(value, 1e-300)) : value;
    return std::clamp((place - least_) / (most_ - least_), 0.0, 1.0) * side;
  }

  std::vector<double> ticks() const {
    std::vector<double> values;
    if (logarithmic_) {
      for (double power = least_; power <= most_ + 0.5; ++power) {
        values.push_back(std::pow(10, power));
      }
    } else {
      for (int i = 0; least_ + i * step_ <= most_ + step_ / 2; ++i) {
        const double value = least_ + i * step_;
        values.push_back(std::abs(value) < step_ * 1e-9 ? 0 : value);
      }
    }
    return values;
  }

 private:
  bool logarithmic_;
  double least_ = 0, most_ = 1, step_ = 1;
};

class Svg {
 public:
  Svg() {
    text_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(width) + "\" height=\"" +
            std::to_string(height) + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  }
  void line(double x1, double y1, double x2, double y2, std::string_view colour) {
    text_ += "<line x1=\"" + decimal(x1) + "\" y1=\"" + decimal(y1) + "\" x2=\"" + decimal(x2) + "\" y2=\"" +
             decimal(y2) + "\" stroke=\"" + std::string(colour) + "\"/>\n";
  }
  void dot(double x, double y, std::string_view colour, std::string_view hint) {
    text_ += "<circle cx=\"" + decimal(x) + "\" cy=\"" + decimal(y) + "\" r=\"3\" fill=\"" + std::string(colour) +
             "\" fill-opacity=\"0.6\"><title>" + escaped(hint) + "</title></circle>\n";
  }
  /// `anchor`: start, middle or end. Turned by 90 degrees to the left when `upright` is false.
  void text(double x, double y, std::string_view anchor, std::string_view words, bool upright = true) {
    text_ += "<text x=\"" + decimal(x) + "\" y=\"" + decimal(y) + "\" text-anchor=\"" + std::string(anchor) + "\"";
    if (!upright) {
      text_ += " transform=\"rotate(-90 " + decimal(x) + " " + decimal(y) + ")\"";
    }
    text_ += ">" + escaped(words) + "</text>\n";
  }
  std::string take() { return std::move(text_) + "</svg>\n"; }

 private:
  std::string text_;
};

/// A square with two axes, their ticks and names.
void draw_panel(Svg& svg, double x0, const Axis& horizontal, const Axis& vertical, std::string_view x_name,
                std::string_view y_name) {
  for (const double value : horizontal.ticks()) {
    const double x = x0 + horizontal.at(value);
    svg.line(x, top, x, top + side, "#dddddd");
    svg.text(x, top + side + 16, "middle", decimal(value, 4));
  }
  for (const double value : vertical.ticks()) {
    const double y = top + side - vertical.at(value);
    svg.line(x0, y, x0 + side, y, "#dddddd");
    svg.text(x0 - 6, y + 4, "end", decimal(value, 4));
  }
  svg.text(x0 + side / 2, top + side + 38, "middle", x_name);
  svg.text(x0 - 50, top + side / 2, "middle", y_name, false);
}

double predicted(const FitPoint& point) { return point.held_out.value_or(point.fitted); }

std::string hint_of(const FitPoint& point) {
  return point.label + ": measured " + decimal(point.measured) + ", predicted " + decimal(predicted(point));
}

}  // namespace

std::string fit_plot_svg(const FitReport& report, std::string_view title) {
  double least = 1e300;
  double most = 0;
  bool any_held_out = false;
  for (const FitPoint& point : report.points) {
    least = std::min({least, point.measured, predicted(point)});
    most = std::max({most, point.measured, predicted(point)});
    any_held_out |= point.held_out.has_value();
  }
  const bool logarithmic = least > 0 && most > least * log_ratio;
  const auto error_of = [&](const FitPoint& point) {
    const double error = predicted(point) - point.measured;
    return logarithmic ? 100 * error / point.measured : error;
  };
  double worst = 1e-9;
  std::map<std::string_view, std::string_view> colour_of;
  for (const FitPoint& point : report.points) {
    worst = std::max(worst, std::abs(error_of(point)));
    colour_of.try_emplace(point.group, colours[colour_of.size() % colours.size()]);
  }
  if (report.points.empty()) {
    least = 0;
    most = 1;
  }

  const Axis values(logarithmic ? least : std::min(0.0, least), most, logarithmic);
  const Axis errors(-worst, worst, false);
  Svg svg;
  svg.text(left_panel, 24, "start", title);
  svg.text(left_panel, 42, "start",
           std::string(any_held_out ? "Predictions did not see: " : "") + std::string(report.held_out));
  const std::string quantity(report.quantity);
  draw_panel(svg, left_panel, values, values, "measured " + quantity, "predicted");
  svg.line(left_panel, top + side, left_panel + side, top, "#888888");
  draw_panel(svg, right_panel, values, errors, "measured " + quantity,
             logarithmic ? "predicted - measured, % of measured" : "predicted - measured");
  const double zero = top + side - errors.at(0);
  svg.line(right_panel, zero, right_panel + side, zero, "#888888");
  for (const FitPoint& point : report.points) {
    const std::string_view colour = colour_of[point.group];
    const double x = values.at(point.measured);
    svg.dot(left_panel + x, top + side - values.at(predicted(point)), colour, hint_of(point));
    svg.dot(right_panel + x, top + side - errors.at(error_of(point)), colour, hint_of(point));
  }
  std::size_t row = 0;
  for (const auto& [group, colour] : colour_of) {
    const double y = top + 16 * static_cast<double>(row) + 8;
    if (++row > legend_rows) {
      svg.text(legend_x, y, "start", "and " + std::to_string(colour_of.size() - legend_rows) + " more");
      break;
    }
    svg.dot(legend_x, y - 4, colour, group);
    svg.text(legend_x + 10, y, "start", group);
  }
  return svg.take();
}

}  // namespace gpusched::sim
