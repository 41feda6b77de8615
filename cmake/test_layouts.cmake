# The package is right in every layout of an installation, and what cannot work ends in a sentence; nothing is compiled.
# As a script it is the test itself.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  add_test(NAME consumer_layouts
           COMMAND ${CMAKE_COMMAND} -DCXX=${CMAKE_CXX_COMPILER} -DSOURCE=${PROJECT_SOURCE_DIR}
                   -P ${CMAKE_CURRENT_LIST_FILE})
  set_tests_properties(consumer_layouts PROPERTIES LABELS consumer)
  return()
endif()
cmake_minimum_required(VERSION 3.22...3.25)
# Outside of the sources, in which no absolute folder may lie that headers are installed to.
execute_process(COMMAND mktemp -d OUTPUT_VARIABLE FOLDER OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

# expect(RESULT SENTENCE COMMAND...): the command ends with 0 where RESULT is 0 and otherwise with another one, and says the
# sentence, a regular expression in which any white space stands for any.
function(expect wanted sentence)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${FOLDER} OUTPUT_VARIABLE output ERROR_VARIABLE output
                  RESULT_VARIABLE result)
  string(REGEX REPLACE "[ \n]+" " " said "${output}")
  if((wanted EQUAL 0 AND NOT result EQUAL 0) OR (NOT wanted EQUAL 0 AND result EQUAL 0) OR NOT said MATCHES "${sentence}")
    message(FATAL_ERROR "${ARGN} ended with ${result}, expected \"${sentence}\": ${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(quiet -DRESIDUAL_BUILD_TESTS=OFF -DRESIDUAL_BUILD_EXAMPLES=OFF -DRESIDUAL_BUILD_BENCHMARKS=OFF)
set(configure ${CMAKE_COMMAND} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release)
file(MAKE_DIRECTORY ${FOLDER})

# What pkg-config names is there, in prefixes with a space.
function(layout name)
  set(prefix "${FOLDER}/a prefix/${name}")
  expect(0 "" ${configure} -S ${SOURCE} -B ${FOLDER}/${name} ${quiet} ${ARGN})
  expect(0 "" ${CMAKE_COMMAND} --install ${FOLDER}/${name} --prefix ${prefix})
  file(GLOB_RECURSE pc ${prefix}/*/residual.pc ${FOLDER}/absolute/${name}/*/residual.pc)
  get_filename_component(pc "${pc}" DIRECTORY)
  expect(0 "" ${CMAKE_COMMAND} -E env "PKG_CONFIG_PATH=${pc}" pkg-config --cflags residual)
  separate_arguments(flags UNIX_COMMAND "${output}")
  list(FILTER flags INCLUDE REGEX "^-I")
  list(TRANSFORM flags REPLACE "^-I" "")
  foreach(folder IN LISTS flags)
    if(EXISTS ${folder}/residual/residual.hpp)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "With ${ARGN} pkg-config names no folder with the headers: ${output}")
endfunction()
layout(plain)
layout(deep -DCMAKE_INSTALL_DATADIR=lib/a/share)
layout(include -DCMAKE_INSTALL_INCLUDEDIR=${FOLDER}/absolute/include/headers)
layout(data -DCMAKE_INSTALL_DATADIR=${FOLDER}/absolute/data/share)
layout(both -DCMAKE_INSTALL_DATADIR=${FOLDER}/absolute/both/share -DCMAKE_INSTALL_INCLUDEDIR=${FOLDER}/absolute/both/headers)

# use(NAME RESULT SENTENCE CODE ARGUMENT...): a project of that code.
function(use name wanted sentence code)
  file(WRITE ${FOLDER}/${name}/CMakeLists.txt
       "cmake_minimum_required(VERSION 3.22)\nproject(user LANGUAGES CXX)\n${code}\n")
  expect(${wanted} "${sentence}" ${configure} -S ${FOLDER}/${name} -B ${FOLDER}/${name}/build ${ARGN})
endfunction()
set(installed "-DCMAKE_PREFIX_PATH=${FOLDER}/a prefix/plain")
use(package 0 "" "find_package(residual REQUIRED)\nadd_executable(a [[${SOURCE}/tests/consumer/main.cpp]])
                  target_link_libraries(a residual::residual)" ${installed})
use(component 1 "there is no residual::precompiled" "find_package(residual REQUIRED COMPONENTS precompiled)" ${installed})
use(twice 1 "There is a target residual::residual already"
    "find_package(residual REQUIRED)\nadd_subdirectory([[${SOURCE}]] copy)" ${installed})

# Another Eigen: an old one, a parent's that leads to another target, a parent's when the library is installed.
file(WRITE ${FOLDER}/old/Eigen3Config.cmake "set(Eigen3_VERSION 3.3.9)\nadd_library(Eigen3::Eigen INTERFACE IMPORTED)\n")
file(WRITE ${FOLDER}/old/Eigen3ConfigVersion.cmake "set(PACKAGE_VERSION 3.3.9)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
use(old_eigen 1 "residual needs Eigen 3.4 or later, but .* holds 3.3.9" "find_package(residual REQUIRED)" ${installed}
    -DEigen3_DIR=${FOLDER}/old)
set(parent "add_library(my_eigen INTERFACE)
            target_include_directories(my_eigen INTERFACE [[$<BUILD_INTERFACE:${FOLDER}/eigen>]])
            add_library(eigen INTERFACE)\ntarget_link_libraries(eigen INTERFACE my_eigen)
            add_library(Eigen3::Eigen ALIAS eigen)\nadd_subdirectory([[${SOURCE}]] residual)")
file(WRITE ${FOLDER}/empty.cpp "")
use(own_eigen 0 "" "${parent}\nadd_executable(a [[${FOLDER}/empty.cpp]])\ntarget_link_libraries(a residual::residual)
                    file(GENERATE OUTPUT includes CONTENT \"$<TARGET_PROPERTY:a,INCLUDE_DIRECTORIES>\")")
file(READ ${FOLDER}/own_eigen/build/includes includes)
if(NOT includes MATCHES "/eigen;|/eigen$")
  message(FATAL_ERROR "The parent's Eigen is not among ${includes}.")
endif()
use(own_eigen_installed 0 "" "${parent}" -DRESIDUAL_INSTALL=ON)

# The static library is a component, and for its own architecture; an empty file stands for it.
expect(0 "" ${configure} -S ${SOURCE} -B ${FOLDER}/static ${quiet} -DRESIDUAL_BUILD_PRECOMPILED=ON)
file(WRITE ${FOLDER}/static/libresidual_precompiled.a "")
expect(0 "" ${CMAKE_COMMAND} --install ${FOLDER}/static --prefix ${FOLDER}/with_static)
use(with_component 0 "" "find_package(residual REQUIRED COMPONENTS precompiled)\nadd_executable(a [[${FOLDER}/empty.cpp]])
                         target_link_libraries(a residual::precompiled)" -DCMAKE_PREFIX_PATH=${FOLDER}/with_static)
set(CMAKE_SIZEOF_VOID_P 4)  # of a user on another architecture
foreach(prefix "a prefix/plain" with_static)
  unset(PACKAGE_VERSION_UNSUITABLE)
  include("${FOLDER}/${prefix}/share/cmake/residual/residual-config-version.cmake")
  if((PACKAGE_VERSION_UNSUITABLE AND NOT prefix STREQUAL with_static) OR
     (NOT PACKAGE_VERSION_UNSUITABLE AND prefix STREQUAL with_static))
    message(FATAL_ERROR "On another architecture, unsuitable is \"${PACKAGE_VERSION_UNSUITABLE}\" for ${prefix}.")
  endif()
endforeach()

expect(1 "cmake -DOUT=<folder>" ${CMAKE_COMMAND} -P ${SOURCE}/cmake/single_header.cmake)
if(EXISTS ${FOLDER}/residual.hpp)
  message(FATAL_ERROR "single_header.cmake wrote into the current folder.")
endif()
set(OUT ${FOLDER}/single)
include(${SOURCE}/cmake/single_header.cmake)
get_property(held GLOBAL PROPERTY residual_inlined)
file(GLOB_RECURSE headers RELATIVE ${SOURCE}/include ${SOURCE}/include/*.hpp)
list(REMOVE_ITEM headers ${held} residual/precompiled.hpp)
if(headers)
  message(FATAL_ERROR "residual.hpp and residual_io.hpp in one folder lack ${headers}.")
endif()
file(REMOVE_RECURSE ${FOLDER})
