# What must not compile, tests/compile_errors/*.cpp, fails with the advice that its line `// expected: ` expects; as C++20
# unless a line `// standard: ` names another one, with the options of a line `// options: `.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/compile_errors/*.cpp)
get_target_property(eigen Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(STRINGS ${source} expected REGEX "^// expected: ")
  string(REPLACE "// expected: " "" expected "${expected}")
  string(REGEX REPLACE "([][+.*()^$?|\\])" "\\\\\\1" expected "${expected}")
  file(STRINGS ${source} standard REGEX "^// standard: ")
  string(REPLACE "// standard: " "" standard "${standard}")
  if(NOT standard)
    set(standard c++20)
  endif()
  file(STRINGS ${source} options REGEX "^// options: ")
  string(REPLACE "// options: " "" options "${options}")
  separate_arguments(options UNIX_COMMAND "${options}")
  add_test(NAME compile_error_${name}
           COMMAND ${CMAKE_CXX_COMPILER} -std=${standard} ${options} -fsyntax-only -I${PROJECT_SOURCE_DIR}/include -isystem ${eigen}
                   ${source})
  set_tests_properties(compile_error_${name} PROPERTIES PASS_REGULAR_EXPRESSION "${expected}")
endforeach()
