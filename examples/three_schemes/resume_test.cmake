# A run that is stopped and resumed again and again gives the table and the bits of one that was not.
set(folder three_schemes_resume_test)
file(REMOVE_RECURSE ${folder})

# run(OUT ARGUMENT...): runs the program into the folder OUT; `table` is then the table without the columns of time.
function(run out)
  execute_process(COMMAND ${PROGRAM} --depth 2 --width 16 --steps 50 --out ${folder}/${out} ${ARGN}
                  OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "The run ${out} ended with ${result}: ${error}")
  endif()
  string(REGEX MATCHALL "\n\\| [PR][^\n]*" rows "${output}")
  string(REGEX REPLACE "\\|[^|]*\\|[^|]*(\\|[^|]*\\|(;|$))" "\\1" rows "${rows}")
  set(table "${rows}" PARENT_SCOPE)
endfunction()

run(whole)
set(whole "${table}")
run(parts --save ${folder}/saved --stop-after 40)
foreach(again 1 2)
  run(parts --save ${folder}/saved --stop-after 40 --resume)
  if(NOT table MATCHES "stopped after [0-9]+ steps")
    message(FATAL_ERROR "The run was not stopped: ${table}")
  endif()
endforeach()
run(parts --save ${folder}/saved --resume)
if(NOT table STREQUAL whole OR NOT table MATCHES "Post-LN.*Pre-LN.*ResiDual")
  message(FATAL_ERROR "The tables differ. Whole: ${whole}\nIn parts: ${table}")
endif()
foreach(name losses.csv layers.csv)
  execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${folder}/whole/${name} ${folder}/parts/${name}
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${folder}/whole/${name} and ${folder}/parts/${name} differ.")
  endif()
endforeach()

execute_process(COMMAND ${PROGRAM} --depth 2 --width 16 --steps 49 --save ${folder}/saved --resume
                ERROR_VARIABLE error RESULT_VARIABLE result)
if(NOT result EQUAL 1 OR NOT error MATCHES "text \"steps\" is \"50\", expected \"49\"")
  message(FATAL_ERROR "A checkpoint of other options was not refused, but ended with ${result}: ${error}")
endif()
