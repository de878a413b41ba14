#include "gpusched/sim/report/report_data.hpp"

#include "bindings.hpp"

namespace gpusched::python {

namespace {

std::string report(const std::string& page, const std::string& directory, const std::string& title,
                   const std::string& comparison) {
  return unwrap([&]() -> Result<std::string> {
    const py::gil_scoped_release release;
    const Result<sim::ReportData> data =
        sim::read_report(directory, {.title = title, .comparison = comparison, .limits = {}});
    return data ? sim::report_page(page, data.value()) : data.error();
  }());
}

}  // namespace

void bind_report(py::module_& module) {
  module.def("report", &report, py::arg("page"), py::arg("directory"), py::arg("title"), py::arg("comparison"));
}

}  // namespace gpusched::python
