#include "analysis/html_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace gpusched::suite {

namespace {

constexpr double side = 320;
constexpr double left = 46;
constexpr double top = 10;

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2430; --muted: #5b6776; --line: #dde2e8;
  --fit: #98a4b3; --held: #1767b8; --good: #1d7a4f; --bad: #b3364a; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1a2028; --ink: #e4e9ef; --muted: #98a4b3;
  --line: #2d3642; --fit: #5b6776; --held: #6bb1f5; --good: #5cc795; --bad: #f07f8f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1100px; padding: 16px 20px 32px; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 22px; margin: 8px 0 2px; overflow-wrap: anywhere; } h2 { font-size: 16px; margin: 0 0 4px; }
p { margin: 0 0 8px; max-width: 80ch; } .muted { color: var(--muted); font-size: 13px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; margin: 14px 0; }
.scroll { overflow-x: auto; } .beside { display: flex; flex-wrap: wrap; gap: 12px 28px; align-items: flex-start; }
table { border-collapse: collapse; font-size: 14px; } th, td { padding: 3px 10px; text-align: right;
  border-bottom: 1px solid var(--line); white-space: nowrap; } th { color: var(--muted); font-size: 13px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; min-width: 11em; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--muted); font-size: 12px; }
svg .grid { stroke: var(--line); } svg .equal { stroke: var(--muted); }
svg .fit { fill: none; stroke: var(--fit); stroke-width: 1.5; } svg .held { fill: var(--held); fill-opacity: 0.7; }
.good { color: var(--good); } .bad { color: var(--bad); }
)";

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string fixed(double value, int digits) {
  std::array<char, 64> buffer{};
  const auto [end, problem] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, digits);
  return problem == std::errc() ? std::string(buffer.data(), end) : "";
}

std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"scroll\"><table><tr>";
  for (const std::string& cell : header) {
    out += "<th>" + escaped(cell) + "</th>";
  }
  out += "</tr>\n";
  for (const std::vector<std::string>& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) {
      out += "<td>" + escaped(cell) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string scatter_svg(const std::vector<PlotPoint>& points, std::string_view name) {
  double most = 1;
  for (const PlotPoint& point : points) {
    most = std::max({most, point.measured, point.predicted});
  }
  most = std::ceil(most * 5) / 5;
  const auto x_of = [&](double value) { return fixed(left + side * std::clamp(value / most, 0.0, 1.0), 1); };
  const auto y_of = [&](double value) { return fixed(top + side * (1 - std::clamp(value / most, 0.0, 1.0)), 1); };
  const std::string bottom = y_of(0);
  std::string out = "<svg role=\"img\" aria-label=\"" + escaped(name) + "\" width=\"380\" height=\"376\" " +
                    "viewBox=\"0 0 380 376\">\n";
  for (double tick = 0; tick <= most + 0.01; tick += 0.2) {
    out += "<line class=\"grid\" x1=\"" + x_of(tick) + "\" y1=\"" + y_of(0) + "\" x2=\"" + x_of(tick) + "\" y2=\"" +
           y_of(most) + "\"/><line class=\"grid\" x1=\"" + x_of(0) + "\" y1=\"" + y_of(tick) + "\" x2=\"" + x_of(most) +
           "\" y2=\"" + y_of(tick) + "\"/><text x=\"" + x_of(tick) + "\" y=\"346\" text-anchor=\"middle\">" +
           fixed(tick, 1) + "</text><text x=\"40\" y=\"" + y_of(tick) + "\" text-anchor=\"end\" dy=\"4\">" +
           fixed(tick, 1) + "</text>\n";
  }
  out += "<line class=\"equal\" x1=\"" + x_of(0) + "\" y1=\"" + bottom + "\" x2=\"" + x_of(most) + "\" y2=\"" +
         y_of(most) + "\"/>\n<text x=\"206\" y=\"368\" text-anchor=\"middle\">measured relative speed</text>\n" +
         "<text x=\"12\" y=\"170\" text-anchor=\"middle\" transform=\"rotate(-90 12 170)\">predicted</text>\n";
  for (const PlotPoint& point : points) {
    out += "<circle class=\"" + std::string(point.held_out ? "held" : "fit") + "\" cx=\"" + x_of(point.measured) +
           "\" cy=\"" + y_of(point.predicted) + "\" r=\"4\"><title>" + escaped(point.hint) + "</title></circle>\n";
  }
  return out + "</svg>\n";
}

std::string page_head(std::string_view title) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
         "content=\"width=device-width, initial-scale=1\">\n<title>" +
         escaped(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n";
}

}  // namespace gpusched::suite
