# What gets built. A project that embeds this one with add_subdirectory() gets the library alone.

option(GPUSCHED_BUILD_SIM "Build the simulator library" ${PROJECT_IS_TOP_LEVEL})
# The extender needs libraries that nothing else does: on where they are found, unless said otherwise.
set(gpusched_extender_default OFF)
if(PROJECT_IS_TOP_LEVEL AND NOT SKBUILD AND NOT DEFINED GPUSCHED_BUILD_EXTENDER)
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
# Under SKBUILD, which is how `pip install .` builds, nothing but the Python module is wanted.
set(gpusched_python_default OFF)
set(gpusched_rest_default ${PROJECT_IS_TOP_LEVEL})
if(SKBUILD)
  set(gpusched_python_default ON)
  set(gpusched_rest_default OFF)
elseif(PROJECT_IS_TOP_LEVEL AND NOT DEFINED GPUSCHED_BUILD_PYTHON)
  find_package(pybind11 3.1 QUIET CONFIG)
  set(gpusched_python_default ${pybind11_FOUND})
endif()
option(GPUSCHED_BUILD_PYTHON "Build the extension module of the Python package" ${gpusched_python_default})
option(GPUSCHED_BUILD_CLI "Build gpusched-sim" ${gpusched_rest_default})
# `gpusched-sim report` carries uPlot, which `tools/setup report` installs: on where it is found, unless said otherwise.
find_path(GPUSCHED_UPLOT_DIR dist/uPlot.iife.min.js NO_DEFAULT_PATH
  PATHS "$ENV{XDG_CACHE_HOME}/gpusched-ui/node_modules/uplot" "$ENV{HOME}/.cache/gpusched-ui/node_modules/uplot"
  DOC "Folder of the npm package uplot")
mark_as_advanced(GPUSCHED_UPLOT_DIR)
set(gpusched_report_default OFF)
if(GPUSCHED_UPLOT_DIR)
  set(gpusched_report_default ON)
endif()
option(GPUSCHED_WITH_REPORT "Build the page of `gpusched-sim report` and of the Python package" ${gpusched_report_default})
# The CUDA program of the suite: on where a compiler is found, unless said otherwise.
include(Cuda)
option(GPUSCHED_WITH_CUDA "Build gpusched-suite-job, the synthetic jobs that gpusched-profile measures" ${gpusched_cuda_default})
set(GPUSCHED_CUDA_ARCHITECTURES "80;90" CACHE STRING "Compute capabilities that gpusched-suite-job has code for")
# For machines with a GPU that have nothing but compilers: tools/measure sets it.
option(GPUSCHED_MEASURE_ONLY "Build the suite and its runner alone, which need no third party" OFF)
option(GPUSCHED_BUILD_PROFILER "Build gpusched-profile, which measures jobs on a GPU" ${gpusched_rest_default})
option(GPUSCHED_BUILD_TESTS "Build and register the tests" ${gpusched_rest_default})
# Benches need Google Benchmark, which fewer people have: on where it is found, unless said otherwise.
set(gpusched_bench_default OFF)
if(PROJECT_IS_TOP_LEVEL AND NOT SKBUILD AND NOT DEFINED GPUSCHED_BUILD_BENCH)
  find_package(benchmark QUIET)
  if(benchmark_FOUND)
    set(gpusched_bench_default ON)
  endif()
endif()
option(GPUSCHED_BUILD_BENCH "Build the benches and the programs behind the published tables" ${gpusched_bench_default})
# Fuzzing changes the flags of every target, so it is never on by default.
option(GPUSCHED_BUILD_FUZZ "Build the libFuzzer programs (clang only)" OFF)
option(GPUSCHED_INSTALL "Generate install rules" ${gpusched_rest_default})
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
