# What gets built. A project that embeds this one with add_subdirectory() gets the library alone.

option(GPUSCHED_BUILD_SIM "Build the simulator library and gpusched-sim" ${PROJECT_IS_TOP_LEVEL})
# The extender needs libraries that nothing else does: on where they are found, unless said otherwise.
set(gpusched_extender_default OFF)
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED GPUSCHED_BUILD_EXTENDER)
  find_package(OpenSSL 3.0 QUIET)
  find_package(CURL 7.88 QUIET)
  find_package(simdjson 3.0.1 QUIET CONFIG)
  find_package(spdlog 1.10 QUIET CONFIG)
  find_library(GPUSCHED_PROMETHEUS_CORE prometheus-cpp-core)
  if(OPENSSL_FOUND AND CURL_FOUND AND simdjson_FOUND AND spdlog_FOUND AND GPUSCHED_PROMETHEUS_CORE)
    set(gpusched_extender_default ON)
  endif()
endif()
option(GPUSCHED_BUILD_EXTENDER "Build gpusched-extender, the kube-scheduler extender" ${gpusched_extender_default})
# `gpusched-sim report` carries uPlot, which `tools/setup report` installs: on where it is found, unless said otherwise.
find_path(GPUSCHED_UPLOT_DIR dist/uPlot.iife.min.js NO_DEFAULT_PATH
  PATHS "$ENV{XDG_CACHE_HOME}/gpusched-ui/node_modules/uplot" "$ENV{HOME}/.cache/gpusched-ui/node_modules/uplot"
  DOC "Folder of the npm package uplot")
mark_as_advanced(GPUSCHED_UPLOT_DIR)
set(gpusched_report_default OFF)
if(GPUSCHED_UPLOT_DIR)
  set(gpusched_report_default ON)
endif()
option(GPUSCHED_WITH_REPORT "Build the page of `gpusched-sim report` into it" ${gpusched_report_default})
option(GPUSCHED_BUILD_TESTS "Build and register the tests" ${PROJECT_IS_TOP_LEVEL})
# Benches need Google Benchmark, which fewer people have: on where it is found, unless said otherwise.
set(gpusched_bench_default OFF)
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED GPUSCHED_BUILD_BENCH)
  find_package(benchmark QUIET)
  if(benchmark_FOUND)
    set(gpusched_bench_default ON)
  endif()
endif()
option(GPUSCHED_BUILD_BENCH "Build the benches and the programs behind the published tables" ${gpusched_bench_default})
# Fuzzing changes the flags of every target, so it is never on by default.
option(GPUSCHED_BUILD_FUZZ "Build the libFuzzer programs (clang only)" OFF)
option(GPUSCHED_INSTALL "Generate install rules" ${PROJECT_IS_TOP_LEVEL})
option(GPUSCHED_WERROR "Treat compiler warnings as errors" OFF)
set(GPUSCHED_SANITIZE "" CACHE STRING "Comma-separated sanitizers for every target, e.g. address,undefined or thread")

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
  if(NOT CMAKE_RUNTIME_OUTPUT_DIRECTORY)
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

  find_program(GPUSCHED_CCACHE ccache)
  mark_as_advanced(GPUSCHED_CCACHE)
  if(GPUSCHED_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Paths relative to the checkout, so that a fresh clone finds what another one compiled.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
                                    ${GPUSCHED_CCACHE})
  endif()
endif()
