# Third parties and their minimum versions: this file is the only place that names either.
# What to install on Debian: tools/setup. Which part of the code may use which: ARCHITECTURE.md, tests/checks/layering.py.

macro(gpusched_require what package)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "not found: ${package} ${ARGN}, needed by ${what}. "
                        "On Debian `tools/setup` installs it; elsewhere point CMAKE_PREFIX_PATH at it.")
  endif()
  message(STATUS "${package} ${${package}_VERSION}")
endmacro()

# Header-only, and used by sources alone: an installed libgpusched needs none of them.
gpusched_require("libgpusched (reshape)" Boost 1.74 CONFIG)
gpusched_require("libgpusched (perf, score)" Eigen3 3.4 CONFIG)
gpusched_require("libgpusched (io)" nlohmann_json 3.11 CONFIG)

if(GPUSCHED_BUILD_SIM)
  gpusched_require("the simulator (compressed trace files)" ZLIB 1.2.11)
endif()
if(GPUSCHED_BUILD_SIM AND GPUSCHED_BUILD_CLI)
  gpusched_require("gpusched-sim" CLI11 2.1 CONFIG)
  gpusched_require("gpusched-sim" yaml-cpp 0.7 CONFIG)
endif()

if(GPUSCHED_WITH_REPORT AND NOT GPUSCHED_UPLOT_DIR)  # its version: sim/report/package.json
  message(FATAL_ERROR "not found: the npm package uplot, needed by `gpusched-sim report` and Result.report(). `tools/setup report` installs it; "
                      "-DGPUSCHED_WITH_REPORT=OFF builds without.")
endif()

if(GPUSCHED_BUILD_EXTENDER)
  gpusched_require("gpusched-extender (TLS)" OpenSSL 3.0)
  gpusched_require("gpusched-extender (API server)" CURL 7.88)
  gpusched_require("gpusched-extender (JSON of the scheduler and of watches)" simdjson 3.0.1 CONFIG)
  gpusched_require("gpusched-extender (log)" spdlog 1.10 CONFIG)
  gpusched_require("gpusched-extender" CLI11 2.1 CONFIG)
  gpusched_require("gpusched-extender" yaml-cpp 0.7 CONFIG)
  # Its CMake package asks for a web server that nothing here uses.
  find_library(GPUSCHED_PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
endif()
if(GPUSCHED_BUILD_PROFILER)
  gpusched_require("gpusched-profile" CLI11 2.1 CONFIG)
endif()
if(TARGET yaml-cpp AND NOT TARGET yaml-cpp::yaml-cpp)  # the name since 0.8
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

if(GPUSCHED_BUILD_SIM OR GPUSCHED_BUILD_BENCH OR GPUSCHED_BUILD_EXTENDER OR GPUSCHED_BUILD_PROFILER)
  gpusched_require("the programs and the benches (threads)" Threads)
endif()

if(GPUSCHED_BUILD_PYTHON)
  gpusched_require("the Python module" Python 3.10 COMPONENTS Interpreter Development.Module)
  gpusched_require("the Python module" pybind11 3.1 CONFIG)
endif()

if(GPUSCHED_BUILD_TESTS)
  gpusched_require("the tests" GTest 1.12)
  gpusched_require("the checks among the tests" Python3 3.9 COMPONENTS Interpreter)
endif()

if(GPUSCHED_BUILD_BENCH)
  gpusched_require("the benches" benchmark 1.7 CONFIG)
endif()
