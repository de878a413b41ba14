// Any text as a table of measurements, and what was read as the data of every fit: an error or a result, never a crash.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpusched/base/check.hpp"
#include "gpusched/perf/slowdown_models.hpp"
#include "gpusched/sim/fit_plot.hpp"
#include "gpusched/sim/readers/measurements.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpusched;
  constexpr std::size_t most_rows = 64;  // a fit of more says nothing new and takes long
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<sim::MeasurementTable> table = sim::parse_measurements(text, "fuzz.csv");
  if (!table || table.value().rows.size() > most_rows) {
    return 0;
  }
  for (const SlowdownModelInfo& row : slowdown_models()) {
    const Result<FitReport> report = row.model->fit(table.value().rows, PerfConstants{});
    if (report) {
      GPUSCHED_CHECK(check_perf_constants(report.value().constants).ok(), "a fit left the allowed range");
      GPUSCHED_CHECK(!sim::fit_plot_svg(report.value(), row.name).empty(), "no picture");
    }
  }
  return 0;
}
