#pragma once

#include <string>
#include <string_view>

#include "gpusched/perf/fit_report.hpp"

namespace gpusched::sim {

/// The points of a fit as an SVG picture: predicted over measured beside the line where both are equal, and the errors
/// over measured; coloured by group. Predictions are held-out ones where there are any. Values that span more than two
/// orders of magnitude get logarithmic axes and errors in per cent.
std::string fit_plot_svg(const FitReport& report, std::string_view title);

}  // namespace gpusched::sim
