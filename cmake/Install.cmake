# `cmake --install` and find_package(gpusched CONFIG): the core library, its headers and the programs.
# The config file finds no third party, because none shows through the installed interface; tests/consumer proves it.

if(NOT GPUSCHED_INSTALL)
  return()
endif()

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(gpusched_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gpusched)

install(TARGETS gpusched EXPORT gpuschedTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/libgpusched/include/ ${GPUSCHED_GENERATED_DIR}/include/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
if(TARGET gpusched-sim)
  install(TARGETS gpusched-sim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET gpusched-extender)
  install(TARGETS gpusched-extender RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/deploy DESTINATION ${CMAKE_INSTALL_DATADIR}/gpusched)
endif()
foreach(program IN ITEMS gpusched-profile gpusched-suite-job)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

install(EXPORT gpuschedTargets NAMESPACE gpusched:: DESTINATION ${gpusched_package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/gpuschedConfig.cmake.in
  ${PROJECT_BINARY_DIR}/gpuschedConfig.cmake INSTALL_DESTINATION ${gpusched_package_dir})
# Before 1.0 a minor version may break the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gpuschedConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gpuschedConfig.cmake ${PROJECT_BINARY_DIR}/gpuschedConfigVersion.cmake
        DESTINATION ${gpusched_package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
