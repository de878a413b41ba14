#include "gpusched/sim/fit_plot.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

std::size_t count(const std::string& text, std::string_view word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++found;
  }
  return found;
}

FitReport report(std::vector<FitPoint> points) {
  FitReport result;
  result.quantity = "speed";
  result.held_out = "its group";
  result.points = std::move(points);
  return result;
}

TEST(FitPlotTest, DrawsEveryPointInBothPanelsAndEveryGroupInTheLegend) {
  const std::string svg = fit_plot_svg(report({{.group = "a", .label = "a 1g", .measured = 0.2, .fitted = 0.3},
                                               {.group = "a", .label = "a 2g", .measured = 0.4, .fitted = 0.4},
                                               {.group = "b", .label = "b 1g", .measured = 0.9, .fitted = 0.7}}),
                                       "a title");
  EXPECT_EQ(svg.rfind("<svg ", 0), 0U);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_EQ(count(svg, "<circle "), 3U * 2 + 2);
  EXPECT_EQ(count(svg, "a title"), 1U);
  EXPECT_EQ(count(svg, "b 1g: measured 0.9, predicted 0.7"), 2U);
}

TEST(FitPlotTest, HeldOutPredictionsAreDrawnWhereThereAreAny) {
  const std::string svg =
      fit_plot_svg(report({{.group = "a", .label = "p", .measured = 1, .fitted = 1, .held_out = 1.5}}), "t");
  EXPECT_EQ(count(svg, "predicted 1.5<"), 2U);
  EXPECT_EQ(count(svg, "Predictions did not see: its group"), 1U);
}

TEST(FitPlotTest, AWideRangeHasLogarithmicAxesAndErrorsInPerCent) {
  const std::string svg = fit_plot_svg(report({{.group = "a", .label = "p", .measured = 2, .fitted = 1},
                                               {.group = "a", .label = "q", .measured = 900, .fitted = 900}}),
                                       "t");
  EXPECT_EQ(count(svg, "% of measured"), 1U);
  EXPECT_GE(count(svg, ">1000</text>"), 2U);
}

TEST(FitPlotTest, NamesCannotBreakThePicture) {
  const std::string svg =
      fit_plot_svg(report({{.group = "<a&b\">", .label = "x\ny", .measured = 1, .fitted = 1}}), "</svg>");
  EXPECT_EQ(count(svg, "</svg>"), 1U);
  EXPECT_EQ(count(svg, "&lt;a&amp;b&quot;&gt;"), 2U) << "legend and its hint";
  EXPECT_EQ(count(svg, "x y"), 2U);
}

TEST(FitPlotTest, AnEmptyReportIsAnEmptyPlot) { EXPECT_EQ(count(fit_plot_svg(report({}), "t"), "<circle"), 0U); }

}  // namespace
}  // namespace gpusched::sim
