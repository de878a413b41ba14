# gpusched/base/version.hpp and the source behind it. The header changes only with project(VERSION); the commit sits in
# one source of its own, checked at every build and rewritten only when it differs, so a new commit recompiles one file.

set(GPUSCHED_GENERATED_DIR ${PROJECT_BINARY_DIR}/generated)
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.hpp.in ${GPUSCHED_GENERATED_DIR}/include/gpusched/base/version.hpp @ONLY)

find_package(Git QUIET)
add_custom_target(gpusched_git_commit
  COMMAND ${CMAKE_COMMAND}
    -DGIT_EXECUTABLE=${GIT_EXECUTABLE}
    -DPROJECT_VERSION=${PROJECT_VERSION}
    -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
    -DTEMPLATE=${PROJECT_SOURCE_DIR}/cmake/version.cpp.in
    -DOUTPUT=${GPUSCHED_GENERATED_DIR}/src/version.cpp
    -P ${PROJECT_SOURCE_DIR}/cmake/GitCommit.cmake
  BYPRODUCTS ${GPUSCHED_GENERATED_DIR}/src/version.cpp
  COMMENT "Checking the git commit"
  VERBATIM)
