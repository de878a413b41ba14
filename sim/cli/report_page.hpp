#pragma once

#include <string_view>

namespace gpusched::cli {

/// The page without its data; empty where this program was built without it.
std::string_view report_page_template();

}  // namespace gpusched::cli
