# What the tests, examples and benchmarks share; nothing here reaches who uses the library.
set(RESIDUAL_ARCH native CACHE STRING "Tests, examples and benchmarks are compiled for -march=<this>; empty: the default")
option(RESIDUAL_BUILD_SLOW "Build the tests and examples with the label slow, too" ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT CMAKE_BUILD_TYPE AND NOT multi_config)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(residual_dev INTERFACE)
target_link_libraries(residual_dev INTERFACE residual::residual $<TARGET_NAME_IF_EXISTS:residual::io>)
target_compile_definitions(residual_dev INTERFACE RESIDUAL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_compile_options(residual_dev INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 reports the undefined operands in its own AVX-512 intrinsics; and it compiles a tenth faster when it collects its
  # garbage later, for half a GB of memory.
  target_compile_options(residual_dev INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized
                                                --param=ggc-min-heapsize=524288)
endif()
if(RESIDUAL_ARCH)
  target_compile_options(residual_dev INTERFACE -march=${RESIDUAL_ARCH})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)  # its -mtune=znver3 costs Eigen's products a quarter of their speed
    target_compile_options(residual_dev INTERFACE -mtune=generic)
  endif()
endif()

# residual_program(NAME SOURCE...): the executable bin/NAME. Its first source says in comments how ctest runs it:
#     // ctest: ARGUMENTS         one run with these arguments, ${PROJECT_SOURCE_DIR} among them; repeatable
#     // labels: LABEL...         labels of its runs
# A NAME that ends in _test or _tests and says nothing runs once without arguments. Runs start in bin/.
function(residual_program name source)
  add_executable(${name} ${source} ${ARGN})
  target_link_libraries(${name} PRIVATE residual_dev)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  residual_labels(${source} labels)
  file(STRINGS ${source} runs REGEX "^// ctest:")
  if(NOT runs AND name MATCHES "_tests?$")
    set(runs "// ctest:")
  endif()
  foreach(run IN LISTS runs)
    string(REPLACE "// ctest:" "${name}" run "${run}")
    string(REPLACE "\${PROJECT_SOURCE_DIR}/" "" test "${run}")
    string(CONFIGURE "${run}" run)
    separate_arguments(run UNIX_COMMAND "${run}")
    add_test(NAME ${test} COMMAND ${run} WORKING_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
    set_tests_properties(${test} PROPERTIES LABELS "${labels}")
  endforeach()
endfunction()

# residual_labels(SOURCE OUT): the labels that SOURCE gives itself.
function(residual_labels source out)
  file(STRINGS ${source} labels REGEX "^// labels:")
  string(REPLACE "// labels:" "" labels "${labels}")
  separate_arguments(labels UNIX_COMMAND "${labels}")
  set(${out} "${labels}" PARENT_SCOPE)
endfunction()
