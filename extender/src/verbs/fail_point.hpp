#pragma once

#include <string_view>

namespace gpusched::extender {

/// A place where a test may have the process die: the environment variable GPUSCHED_FAILPOINT=NAME:N kills it (SIGKILL)
/// when NAME is passed for the Nth time. Without the variable it costs one load.
void fail_point(std::string_view name);

}  // namespace gpusched::extender
