# Says what it costs when the project that uses the library is compiled without optimisation.
get_property(residual_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
string(TOUPPER "${CMAKE_BUILD_TYPE}" residual_build_type)
set(residual_flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${residual_build_type}}")
if(NOT residual_multi_config AND NOT residual_FIND_QUIETLY AND NOT residual_flags MATCHES "[-/]O[^0d]")
  message(NOTICE "residual: CMAKE_BUILD_TYPE is \"${CMAKE_BUILD_TYPE}\", so code is compiled without optimisation, and matrix "
                 "products are 50 times slower or more. Configure with -DCMAKE_BUILD_TYPE=Release, and compile with "
                 "-march=native for the vector instructions of this machine.")
endif()
