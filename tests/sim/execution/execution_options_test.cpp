#include "gpusched/sim/execution/execution_options.hpp"

#include <gtest/gtest.h>

namespace gpusched::sim {
namespace {

constexpr TimeNs hour = 3600 * ns_per_s;

Trace trace_until(TimeNs last_ns) {
  Trace trace;
  trace.jobs.emplace_back().submit_ns = last_ns;
  return trace;
}

TEST(MeasuringWindowTest, CountsFromHourFiveToNineteenByDefault) {
  EXPECT_EQ(measuring_window(trace_until(18 * hour)).value(), (MeasuringWindow{5 * hour, 19 * hour}));
}

TEST(MeasuringWindowTest, EndsWithTheLastArrivalOfALongerTrace) {
  EXPECT_EQ(measuring_window(trace_until(72 * hour)).value(), (MeasuringWindow{5 * hour, 72 * hour}));
}

TEST(MeasuringWindowTest, AShortTraceHasNoWarmUp) {
  EXPECT_EQ(measuring_window(trace_until(hour)).value(), (MeasuringWindow{0, 19 * hour}));
  EXPECT_EQ(measuring_window(Trace{}).value(), (MeasuringWindow{0, 19 * hour}));
}

TEST(MeasuringWindowTest, TheTraceHasTheLastWord) {
  Trace trace = trace_until(18 * hour);
  trace.metadata = {{"window_from_s", "1.5"}, {"window_to_s", "7200"}};
  EXPECT_EQ(measuring_window(trace).value(), (MeasuringWindow{3 * ns_per_s / 2, 2 * hour}));
}

TEST(MeasuringWindowTest, NamesAValueThatIsNoTime) {
  for (const char* text : {"", "soon", "-1", "1e99", "nan", "5 h"}) {
    Trace trace = trace_until(18 * hour);
    trace.metadata["window_from_s"] = text;
    const Result<MeasuringWindow> window = measuring_window(trace);
    ASSERT_FALSE(window.ok()) << text;
    EXPECT_NE(window.error().to_string().find("window_from_s"), std::string::npos) << window.error().to_string();
  }
}

TEST(MeasuringWindowTest, RefusesAWindowThatEndsBeforeItBegins) {
  Trace trace = trace_until(18 * hour);
  trace.metadata = {{"window_from_s", "10"}, {"window_to_s", "10"}};
  EXPECT_FALSE(measuring_window(trace).ok());
}

}  // namespace
}  // namespace gpusched::sim
