# RANKS processes keep equal bits, the same in every run, and get what one process gets; a rank that fails ends them all.

# run(ARGUMENT...): sets `output`, `error` and `result`; the program ends within 120 seconds on the busiest machine.
function(run)
  execute_process(COMMAND ${MPIEXEC} -n ${RANKS} ${PROGRAM} --depth 3 --width 16 --steps 20 --batch 9 ${ARGN}
                  OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result TIMEOUT 120)
  foreach(name output error result)
    set(${name} "${${name}}" PARENT_SCOPE)
  endforeach()
endfunction()

set(bits "all replicas have the same bits: [0-9a-f]+")
run(--check)
if(NOT result EQUAL 0 OR NOT output MATCHES "${bits}\n.*difference from one process")
  message(FATAL_ERROR "${RANKS} ranks ended with ${result}: ${output}${error}")
endif()
string(REGEX MATCH "${bits}" first "${output}")
run()
if(NOT output MATCHES "${first}")
  message(FATAL_ERROR "Another run gave other bits: ${output}${error}")
endif()

run(--check --train *norm*)
if(NOT result EQUAL 0 OR NOT output MATCHES "\n224 of [0-9]+ numbers were trained, the others kept their bits\n.*difference from")
  message(FATAL_ERROR "With frozen tensors ${RANKS} ranks ended with ${result}: ${output}${error}")
endif()

run(--fail-rank 1 --fail-step 3)
if(NOT result MATCHES "^[1-9]" OR NOT error MATCHES "rank 1 of ${RANKS}: This rank was told to fail in step 3, and does.")
  message(FATAL_ERROR "When rank 1 failed, ${RANKS} ranks ended with ${result}: ${output}${error}")
endif()

run(--heads 3)
if(NOT result MATCHES "^[1-9]" OR NOT error MATCHES "dim 16 is not a multiple of heads 3")
  message(FATAL_ERROR "With options that do not fit, ${RANKS} ranks ended with ${result}: ${output}${error}")
endif()
