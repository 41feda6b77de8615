# tests/consumer is a project that uses the library; each way of getting at it is configured, built and run.
set(consumer ${CMAKE_CURRENT_SOURCE_DIR}/consumer)
set(prefix ${CMAKE_CURRENT_BINARY_DIR}/consumer/prefix)
foreach(way find_package add_subdirectory FetchContent)
  add_test(NAME consumer_${way}
           COMMAND ${CMAKE_CTEST_COMMAND}
                   --build-and-test ${consumer} ${CMAKE_CURRENT_BINARY_DIR}/consumer/${way}
                   --build-generator ${CMAKE_GENERATOR} --build-makeprogram ${CMAKE_MAKE_PROGRAM}
                   --build-options -DRESIDUAL_WAY=${way} -DRESIDUAL_SOURCE=${PROJECT_SOURCE_DIR}
                                   -DRESIDUAL_VERSION=${PROJECT_VERSION}
                                   -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release
                                   -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
                   --test-command consumer)
  set_tests_properties(consumer_${way} PROPERTIES LABELS consumer)
endforeach()

set(cxx "${CMAKE_CXX_COMPILER} -std=c++20 -O2")
set(binary ${CMAKE_CURRENT_BINARY_DIR}/consumer/pkg-config)
add_test(NAME consumer_pkg-config
         COMMAND sh -c "${cxx} $(pkg-config --cflags residual) main.cpp -o ${binary} $(pkg-config --libs residual) && ${binary}"
         WORKING_DIRECTORY ${consumer})
set_tests_properties(consumer_pkg-config PROPERTIES
                     LABELS consumer ENVIRONMENT PKG_CONFIG_PATH=${prefix}/share/pkgconfig)

add_test(NAME consumer_install COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${prefix})
set_tests_properties(consumer_install PROPERTIES LABELS consumer FIXTURES_SETUP installed)
set_tests_properties(consumer_find_package consumer_pkg-config PROPERTIES FIXTURES_REQUIRED installed)
