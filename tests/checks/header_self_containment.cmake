# Every public header compiles on its own, even included twice: one source per header.

set(generated ${CMAKE_CURRENT_BINARY_DIR}/header_self_containment)
set(header_sources "")
set(include_dirs
  ${PROJECT_SOURCE_DIR}/libgpusched/include ${GPUSCHED_GENERATED_DIR}/include ${PROJECT_SOURCE_DIR}/sim/include
  ${PROJECT_SOURCE_DIR}/extender/include ${PROJECT_SOURCE_DIR}/profiler/include)
foreach(dir IN LISTS include_dirs)
  file(GLOB_RECURSE headers RELATIVE ${dir} CONFIGURE_DEPENDS ${dir}/*.hpp)
  foreach(header IN LISTS headers)
    set(source ${generated}/${header}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@header@\"\n#include \"@header@\"\n" @ONLY)
    list(APPEND header_sources ${source})
  endforeach()
endforeach()

# Only the test builds it. It links no library: what a header needs must come from the header and the standard.
add_library(gpusched_headers OBJECT EXCLUDE_FROM_ALL ${header_sources})
gpusched_target_defaults(gpusched_headers)
target_include_directories(gpusched_headers PRIVATE ${include_dirs})

add_test(NAME header_self_containment
         COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --config $<CONFIG> --target gpusched_headers)
set_tests_properties(header_self_containment PROPERTIES LABELS source TIMEOUT 600)
