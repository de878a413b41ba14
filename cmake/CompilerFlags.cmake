# Every compiler flag of the project. Targets get them through gpusched_target_defaults().

set(gpusched_warning_flags -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(GPUSCHED_WERROR)
  list(APPEND gpusched_warning_flags -Werror)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # gcc 12 sees overlaps in `"text" + std::to_string(x)` that are not there (gcc bug 105651, mended in 13).
  list(APPEND gpusched_warning_flags -Wno-restrict)
endif()

set(gpusched_sanitize_flags "")
set(gpusched_sanitize_link_flags "")
set(gpusched_sanitizers ${GPUSCHED_SANITIZE})
if(GPUSCHED_BUILD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "GPUSCHED_BUILD_FUZZ needs clang (libFuzzer), not ${CMAKE_CXX_COMPILER_ID}: "
                        "use `cmake --preset fuzz` or -DCMAKE_CXX_COMPILER=clang++-14")
  endif()
  # The libraries carry the coverage counters; only the fuzz programs link libFuzzer's main().
  string(PREPEND gpusched_sanitizers "fuzzer-no-link,")
  string(REGEX REPLACE ",$" "" gpusched_sanitizers "${gpusched_sanitizers}")
endif()
if(gpusched_sanitizers)
  # A finding must fail the test, not scroll by.
  set(gpusched_sanitize_flags -fsanitize=${gpusched_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  set(gpusched_sanitize_link_flags -fsanitize=${gpusched_sanitizers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc documents this warning as unreliable on instrumented code; the release build still has it.
    list(APPEND gpusched_warning_flags -Wno-maybe-uninitialized)
  endif()
endif()

# Applies the house rules to a target. No -march: one program runs on every machine of its architecture and gives the
# same decisions there, which is also why a*b+c must never be fused (-ffp-contract=off) where another compiler would not.
function(gpusched_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE ${gpusched_warning_flags} -ffp-contract=off ${gpusched_sanitize_flags})
  target_compile_definitions(${target} PRIVATE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
  # PUBLIC: whoever links an instrumented library needs the runtime.
  target_link_options(${target} PUBLIC ${gpusched_sanitize_link_flags})
endfunction()
