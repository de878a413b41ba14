# One libFuzzer program per *_fuzz.cpp. tests/fuzz/corpus/<program>/ holds its seeds, where there are any.

file(GLOB_RECURSE fuzz_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_fuzz.cpp)
foreach(source IN LISTS fuzz_sources)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  gpusched_target_defaults(${name})
  target_link_libraries(${name} PRIVATE gpusched)
  if(TARGET gpusched_sim)
    target_link_libraries(${name} PRIVATE gpusched_sim)
  endif()
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
