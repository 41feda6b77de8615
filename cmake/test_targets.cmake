# A program whose files are compiled for different targets says so when it starts and does not crash, whatever the order in
# which they are linked; one whose files are compiled for the same target runs, and so does one of shared libraries that hide
# their symbols, each for a target of its own. As a script it is the test itself.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  get_target_property(eigen Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
  add_test(NAME consumer_targets
           COMMAND ${CMAKE_COMMAND} -DCXX=${CMAKE_CXX_COMPILER} -DEIGEN=${eigen} -DSOURCE=${PROJECT_SOURCE_DIR}
                   -DFOLDER=${CMAKE_CURRENT_BINARY_DIR}/targets -P ${CMAKE_CURRENT_LIST_FILE})
  set_tests_properties(consumer_targets PROPERTIES LABELS consumer)
  return()
endif()

file(MAKE_DIRECTORY ${FOLDER})
function(compile source object)
  execute_process(COMMAND ${CXX} -std=c++20 -O1 ${ARGN} -I${SOURCE}/include -isystem ${EIGEN} -c ${source}
                          -o ${FOLDER}/${object}.o
                  ERROR_VARIABLE error RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${source} does not compile with ${ARGN}: ${error}")
  endif()
endfunction()

set(targets x86-64 x86-64-v3 x86-64-v4)  # vectors of 4, 8 and 16 floats
compile(${SOURCE}/tests/targets/main.cpp main)
foreach(target IN LISTS targets)
  foreach(name first second third)
    compile(${SOURCE}/tests/targets/user.cpp ${name}-${target} -march=${target} -DNAME=${name})
  endforeach()
endforeach()

set(said 0)
set(ran 0)
foreach(a IN LISTS targets)
  foreach(b IN LISTS targets)
    foreach(c IN LISTS targets)
      set(order first-${a} second-${b} third-${c})
      list(TRANSFORM order PREPEND ${FOLDER}/)
      list(TRANSFORM order APPEND .o)
      execute_process(COMMAND ${CXX} ${FOLDER}/main.o ${order} -o ${FOLDER}/program
                      ERROR_VARIABLE error RESULT_VARIABLE result)
      if(NOT result EQUAL 0)
        message(FATAL_ERROR "${order} do not link: ${error}")
      endif()
      execute_process(COMMAND ${FOLDER}/program ERROR_VARIABLE error RESULT_VARIABLE result)
      if(a STREQUAL b AND b STREQUAL c)
        if(result EQUAL 0)
          math(EXPR ran "${ran} + 1")
        elseif(NOT result MATCHES "[Ii]llegal")  # a machine without these vectors
          message(FATAL_ERROR "${order} ended with ${result}: ${error}")
        endif()
      elseif(result EQUAL 1 AND error MATCHES "one file of this program is compiled for .* the same -march")
        math(EXPR said "${said} + 1")
      else()
        message(FATAL_ERROR "${order} ended with ${result}: ${error}")
      endif()
    endforeach()
  endforeach()
endforeach()
if(NOT said EQUAL 24 OR ran LESS 1)
  message(FATAL_ERROR "${said} programs of several targets said so, and ${ran} of one ran.")
endif()

# What these libraries still show is one for all of them: a table of functions would be that of the first one's target.
set(libraries)
foreach(library first-x86-64 second-x86-64-v3 third-x86-64-v4)
  string(REGEX MATCH "^([a-z]+)-(.*)$" _ ${library})
  compile(${SOURCE}/tests/targets/plugin.cpp plugin-${library} -fPIC -fvisibility=hidden -march=${CMAKE_MATCH_2}
          -DNAME=${CMAKE_MATCH_1})
  execute_process(COMMAND ${CXX} -shared ${FOLDER}/plugin-${library}.o -o ${FOLDER}/${library}.so COMMAND_ERROR_IS_FATAL ANY)
  list(APPEND libraries ${FOLDER}/${library}.so)
endforeach()
foreach(order RANGE 1)
  execute_process(COMMAND ${CXX} ${FOLDER}/main.o ${libraries} -Wl,-rpath,${FOLDER} -o ${FOLDER}/program
                  COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${FOLDER}/program ERROR_VARIABLE error RESULT_VARIABLE result)
  if(NOT result EQUAL 0 AND NOT result MATCHES "[Ii]llegal")  # a machine without these vectors
    message(FATAL_ERROR "${libraries} ended with ${result}: ${error}")
  endif()
  list(REVERSE libraries)
endforeach()
