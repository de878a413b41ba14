#include <iostream>

#include "gpusched/sim/report/report_data.hpp"
#include "gpusched/sim/result_files.hpp"

#include "commands.hpp"
#include "report_page.hpp"

namespace gpusched::cli {

Status report(const ReportArguments& arguments) {
  if (report_page_template().empty()) {
    return Error{.code = ErrorCode::unsupported,
                 .message = "this gpusched-sim was built without the report page",
                 .file = {},
                 .line = 0,
                 .remedy = "Run `tools/setup report`, then build with -DGPUSCHED_WITH_REPORT=ON"};
  }
  const Result<sim::ReportData> data = sim::read_report(
      arguments.directory, {.title = arguments.title, .comparison = arguments.comparison, .limits = {}});
  if (!data) {
    return data.error();
  }
  const Result<std::string> page = sim::report_page(report_page_template(), data.value());
  if (!page) {
    return page.error();
  }
  if (Status written = sim::write_text(arguments.out, page.value()); !written) {
    return written;
  }
  if (arguments.out != "-") {
    std::cout << "wrote " << arguments.out << ", " << (page.value().size() + 1023) / 1024 << " KiB\n";
  }
  return {};
}

}  // namespace gpusched::cli
