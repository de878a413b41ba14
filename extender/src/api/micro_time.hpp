#pragma once

#include <chrono>
#include <string>

namespace gpusched::extender {

/// MicroTime of Kubernetes: "2026-01-02T03:04:05.000006Z".
std::string micro_time(std::chrono::system_clock::time_point time);

}  // namespace gpusched::extender
