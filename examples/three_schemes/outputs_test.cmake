# What cannot be written is said before anything is trained, checkpoints are replaced only when told to, SIGTERM saves, and
# the exit code tells whether all was written.
set(folder three_schemes_outputs_test)
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})
set(small --depth 2 --width 16 --batch 2 --length 16 --threads 1)

# refused(SENTENCE ARGUMENT...): the program ends at once, with exit code 1 and the sentence.
function(refused sentence)
  execute_process(COMMAND ${PROGRAM} ${small} --steps 1000000 ${ARGN}
                  OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result TIMEOUT 60)
  if(NOT result EQUAL 1 OR NOT error MATCHES "${sentence}")
    message(FATAL_ERROR "${ARGN} ended with ${result}, expected \"${sentence}\": ${output}${error}")
  endif()
endfunction()

# run(ARGUMENT...): the program ends well.
function(run)
  execute_process(COMMAND ${PROGRAM} ${small} --out ${folder}/out ${ARGN}
                  OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${result}: ${output}${error}")
  endif()
endfunction()

file(WRITE ${folder}/file "not a folder")
file(MAKE_DIRECTORY ${folder}/taken/losses.csv)
refused("cannot create .*file/" --out ${folder}/file)
refused("cannot create .*file/" --save ${folder}/file --out ${folder}/out)
refused("losses.csv.* a folder bears its name" --out ${folder}/taken)
refused("has no 2 seeds behind it" --first-seed 18446744073709551615 --seeds 2)
refused("give a smaller --warmup" --warmup 1000001)

set(save --save ${folder}/saved --schemes Pre-LN)
run(${save} --steps 10 --rate 1e-3 --gain 0.5)
refused("There is a checkpoint .*Pre-LN-1.safetensors.* --resume, or replace it with --overwrite" ${save}
        --out ${folder}/out)
run(${save} --steps 10 --rate 1e-3 --gain 0.5 --resume)
run(${save} --steps 12 --overwrite)
run(${save} --steps 12 --resume)

# A checkpoint that says it has done 12 of 10 steps.
execute_process(COMMAND sed -i "s/\"steps\":\"12\"/\"steps\":\"10\"/" ${folder}/saved/Pre-LN-1.safetensors
                RESULT_VARIABLE result)
execute_process(COMMAND ${PROGRAM} ${small} --out ${folder}/out ${save} --steps 10 --resume
                OUTPUT_QUIET ERROR_VARIABLE error RESULT_VARIABLE result)
if(NOT result EQUAL 1 OR NOT error MATCHES "says that 12 of 10 steps were done")
  message(FATAL_ERROR "An impossible checkpoint ended with ${result}: ${error}")
endif()

# SIGTERM when there is a checkpoint: a table, and a checkpoint from which the run goes on.
set(program "'${PROGRAM}' --depth 2 --width 16 --batch 2 --length 16 --threads 1 --schemes ResiDual")
set(out "--out '${folder}/out' --save '${folder}/term'")
execute_process(COMMAND sh -c "${program} --steps 20000 ${out} & \
                               until [ -e '${folder}/term/ResiDual-1.safetensors' ]; do sleep 0.1; done; \
                               kill -TERM $!; wait $!"
                OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result TIMEOUT 120)
if(NOT result EQUAL 0 OR NOT output MATCHES "stopped after ([0-9]+) steps")
  message(FATAL_ERROR "SIGTERM ended it with ${result}: ${output}${error}")
endif()
set(stopped ${CMAKE_MATCH_1})
execute_process(COMMAND sh -c "${program} --steps 20000 --stop-after 1 ${out} --resume"
                OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result)
math(EXPR next "${stopped} + 1")
if(NOT output MATCHES "stopped after ${next} steps")
  message(FATAL_ERROR "After SIGTERM at step ${stopped} it did not go on from there: ${output}${error}")
endif()

if(EXISTS /dev/full)
  foreach(output "/dev/full" "&-")
    execute_process(COMMAND sh -c "${program} --steps 5 --out '${folder}/out' >${output}"
                    ERROR_VARIABLE error RESULT_VARIABLE result)
    if(NOT result EQUAL 1 OR NOT error MATCHES "Standard output cannot be written")
      message(FATAL_ERROR "With >${output} it ended with ${result}: ${error}")
    endif()
  endforeach()
endif()

# The bar of progress takes one row of a terminal with 80 columns, or of a narrower one.
find_program(script script)
if(script)
  foreach(columns 80 40)
    execute_process(COMMAND ${script} -qec "stty cols ${columns}; ${program} --steps 30 --out '${folder}/out' >/dev/null"
                            ${folder}/typescript
                    OUTPUT_VARIABLE output RESULT_VARIABLE result)
    string(REGEX REPLACE ".\\[K" "" output "${output}")
    string(REGEX REPLACE "[][]" "|" output "${output}")  # which would join elements of a list
    string(REGEX MATCHALL "ResiDual, seed 1 [^\r\n]*" lines "${output}")
    if(NOT lines)
      message(FATAL_ERROR "There is no progress in: ${output}")
    endif()
    foreach(line IN LISTS lines)
      string(LENGTH "${line}" length)
      if(length GREATER_EQUAL columns)
        message(FATAL_ERROR "A line of progress has ${length} characters in ${columns} columns: ${line}")
      endif()
    endforeach()
  endforeach()
endif()
