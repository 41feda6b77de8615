# The headers are architecture-independent, so the package files go to share/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_DATADIR}/cmake/residual)
set(pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)

target_include_directories(residual INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS residual EXPORT residual-targets)
if(TARGET residual_precompiled)
  install(TARGETS residual_precompiled EXPORT residual-targets)
endif()
install(EXPORT residual-targets NAMESPACE residual:: DESTINATION ${config_dir})
install(DIRECTORY include/residual DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/residual-config.cmake.in residual-config.cmake INSTALL_DESTINATION ${config_dir})
set(any_architecture ARCH_INDEPENDENT)
if(TARGET residual_precompiled)
  unset(any_architecture)
endif()
write_basic_package_version_file(residual-config-version.cmake COMPATIBILITY SameMinorVersion ${any_architecture})

# An absolute folder stands in residual.pc as it is; where that is the one of residual.pc, the prefix must too, which is known
# when it is installed. pkg-config wants a backslash before each space of such a path.
set(pc_prefix "@pc_install_prefix@")
if(NOT IS_ABSOLUTE "${pkgconfig_dir}")
  string(REGEX REPLACE "[^/]+" ".." up "${pkgconfig_dir}")
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
string(REPLACE " " "\\ " pc_include "${CMAKE_INSTALL_INCLUDEDIR}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  string(PREPEND pc_include "\${prefix}/")
endif()
configure_file(cmake/residual.pc.in residual.pc.in @ONLY)
install(CODE "
  string(REPLACE [[ ]] [[\\ ]] pc_install_prefix \"\${CMAKE_INSTALL_PREFIX}\")
  configure_file([[${CMAKE_CURRENT_BINARY_DIR}/residual.pc.in]] [[${CMAKE_CURRENT_BINARY_DIR}/residual.pc]] @ONLY)")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/residual-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/residual-config-version.cmake cmake/residual-io.cmake
              cmake/residual-optimisation.cmake
        DESTINATION ${config_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/residual.pc DESTINATION ${pkgconfig_dir})
