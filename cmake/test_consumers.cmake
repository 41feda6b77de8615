# tests/consumer is a project that uses the library; each way of getting at it is configured, built (unoptimised, which is
# quickest) and run.
set(consumer ${CMAKE_CURRENT_SOURCE_DIR}/consumer)
set(prefix ${CMAKE_CURRENT_BINARY_DIR}/consumer/prefix)
foreach(way find_package add_subdirectory FetchContent)
  add_test(NAME consumer_${way}
           COMMAND ${CMAKE_CTEST_COMMAND}
                   --build-and-test ${consumer} ${CMAKE_CURRENT_BINARY_DIR}/consumer/${way}
                   --build-generator ${CMAKE_GENERATOR} --build-makeprogram ${CMAKE_MAKE_PROGRAM}
                   --build-options -DRESIDUAL_WAY=${way} -DRESIDUAL_SOURCE=${PROJECT_SOURCE_DIR}
                                   -DRESIDUAL_VERSION=${PROJECT_VERSION}
                                   -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O0
                                   -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
                   --test-command consumer)
  set_tests_properties(consumer_${way} PROPERTIES LABELS consumer)
endforeach()

set(cxx "'${CMAKE_CXX_COMPILER}' -std=c++20 -O0")  # what pkg-config says of folders with spaces is for eval
set(binary ${CMAKE_CURRENT_BINARY_DIR}/consumer/pkg-config)
add_test(NAME consumer_pkg-config
         COMMAND sh -c "eval \"${cxx} $(pkg-config --cflags residual) main.cpp -o '${binary}' $(pkg-config --libs residual)\" && '${binary}'"
         WORKING_DIRECTORY ${consumer})
set_tests_properties(consumer_pkg-config PROPERTIES
                     LABELS consumer ENVIRONMENT PKG_CONFIG_PATH=${prefix}/share/pkgconfig)

# Optimised, since GCC has most of its warnings from what it has inlined; those in Eigen's own headers are not ours.
set(arch $<$<BOOL:${RESIDUAL_ARCH}>:-march=${RESIDUAL_ARCH}>)
set(eigen "$(pkg-config --cflags eigen3 | sed 's/-I/-isystem /g')")
add_test(NAME consumer_without_warnings
         COMMAND sh -c "eval \"'${CMAKE_CXX_COMPILER}' -std=c++20 -O2 ${arch} -Wall -Wextra -Werror '-I${prefix}/include' ${eigen} -c main.cpp -o '${binary}.o'\""
         WORKING_DIRECTORY ${consumer})
set_tests_properties(consumer_without_warnings PROPERTIES LABELS consumer FIXTURES_REQUIRED installed)

set(single ${CMAKE_CURRENT_BINARY_DIR}/consumer/single)
add_test(NAME consumer_single_header
         COMMAND sh -c "'${CMAKE_COMMAND}' '-DOUT=${single}/residual' -P '${PROJECT_SOURCE_DIR}/cmake/single_header.cmake' && \
                        eval \"${cxx} '-I${single}' $(pkg-config --cflags eigen3) -pthread main.cpp -o '${single}/consumer'\" && \
                        '${single}/consumer'"
         WORKING_DIRECTORY ${consumer})
set_tests_properties(consumer_single_header PROPERTIES LABELS consumer)

add_test(NAME consumer_install COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${prefix})
set_tests_properties(consumer_install PROPERTIES LABELS consumer FIXTURES_SETUP installed)
set_tests_properties(consumer_find_package consumer_pkg-config PROPERTIES FIXTURES_REQUIRED installed)

file(READ ${PROJECT_SOURCE_DIR}/cmake/packaging/vcpkg/vcpkg.json port)  # the Conan recipe reads version.hpp itself
string(JSON port_version GET "${port}" version-semver)
if(NOT port_version STREQUAL PROJECT_VERSION)
  message(FATAL_ERROR "cmake/packaging/vcpkg/vcpkg.json has the version ${port_version}, but version.hpp has "
                      "${PROJECT_VERSION}. Write the latter into both.")
endif()
