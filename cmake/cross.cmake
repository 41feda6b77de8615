# The presets for other targets include this after project(). It finds what the tests need without the rest of
# /usr/include, which belongs to this machine: header-only packages in a prefix of links, GoogleTest by its sources.
set(RESIDUAL_HOST_PREFIX /usr CACHE PATH "Where this machine has its header-only packages and src/googletest")
set(prefix ${CMAKE_BINARY_DIR}/host)
file(MAKE_DIRECTORY ${prefix}/include ${prefix}/share/cmake)
foreach(path include/eigen3 share/eigen3 include/nlohmann share/cmake/nlohmann_json include/CLI share/cmake/CLI11
             include/gtest)
  if(NOT EXISTS ${RESIDUAL_HOST_PREFIX}/${path})
    message(FATAL_ERROR "${RESIDUAL_HOST_PREFIX}/${path} is missing. Install it (Debian: libeigen3-dev, "
                        "nlohmann-json3-dev, libcli11-dev, libgtest-dev), or set RESIDUAL_HOST_PREFIX.")
  endif()
  file(CREATE_LINK ${RESIDUAL_HOST_PREFIX}/${path} ${prefix}/${path} SYMBOLIC)
endforeach()
list(PREPEND CMAKE_PREFIX_PATH ${prefix})
list(APPEND CMAKE_FIND_ROOT_PATH ${prefix})
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

set(googletest ${RESIDUAL_HOST_PREFIX}/src/googletest/googletest)
add_library(gtest_main STATIC EXCLUDE_FROM_ALL ${googletest}/src/gtest-all.cc ${googletest}/src/gtest_main.cc)
add_library(GTest::gtest_main ALIAS gtest_main)
target_include_directories(gtest_main SYSTEM PUBLIC ${prefix}/include PRIVATE ${googletest})

# Beside the golden cases, whose gradients cover the layers: what a target can change.
set(names carver extreme_numbers gain initialise mapped_file parallel parameters random safetensors safetensors_attack
          safetensors_writer schedule sgd simd view weight_decay workspace write_file)
list(JOIN names | names)
set(RESIDUAL_TEST_NAMES "^(${names})_test$" CACHE STRING "Build only the tests whose names match this, and golden_test")
