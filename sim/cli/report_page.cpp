#include "report_page.hpp"

#ifdef GPUSCHED_REPORT_PAGE  // the file that sim/report/page.cmake made

// The assembler copies the bytes; a string literal of this length would be beyond what compilers promise.
asm(".section .rodata\n"
    "gpusched_report_page_begin:\n"
    ".incbin \"" GPUSCHED_REPORT_PAGE
    "\"\n"
    "gpusched_report_page_end:\n"
    ".text\n");

extern "C" const char gpusched_report_page_begin[];
extern "C" const char gpusched_report_page_end[];

namespace gpusched::cli {

std::string_view report_page_template() { return {gpusched_report_page_begin, gpusched_report_page_end}; }

}  // namespace gpusched::cli

#else

namespace gpusched::cli {

std::string_view report_page_template() { return {}; }

}  // namespace gpusched::cli

#endif
