#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpusched::suite {

/// Text inside an element or a quoted attribute.
std::string escaped(std::string_view text);

/// A number for people: so many digits behind the point.
std::string fixed(double value, int digits);

/// A table. Cells are escaped; all columns but the first hold numbers and stand right.
std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

struct PlotPoint {
  double measured = 0, predicted = 0;
  bool held_out = false;
  std::string hint;
};
/// Predicted over measured relative speed, 0 to the largest of all, as inline SVG in the page's colours.
std::string scatter_svg(const std::vector<PlotPoint>& points, std::string_view name);

/// The head of the page: title and style, light and dark.
std::string page_head(std::string_view title);

}  // namespace gpusched::suite
