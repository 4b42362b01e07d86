# SPDX-License-Identifier: BSD-3-Clause
# The installed package: find_package(xgrad) gives xgrad::engine, xgrad::optim and xgrad::train.
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/xgrad")
install(EXPORT xgradTargets NAMESPACE xgrad:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/xgradConfig.cmake.in "${PROJECT_BINARY_DIR}/xgradConfig.cmake"
                              INSTALL_DESTINATION "${package_folder}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/xgradConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/xgradConfig.cmake" "${PROJECT_BINARY_DIR}/xgradConfigVersion.cmake"
        DESTINATION "${package_folder}")
