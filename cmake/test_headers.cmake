# Every header compiles alone, and twice in one file.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/*.hpp)
foreach(header IN LISTS headers)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${header}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include <${header}>\n#include <${header}>\n")
  list(APPEND header_sources ${source})
endforeach()
add_library(headers_compile_alone OBJECT ${header_sources})
target_link_libraries(headers_compile_alone PRIVATE residual_dev)
# Eigen, with which nearly all of them begin, is parsed once. Nothing else: to load more takes longer than most headers do.
target_precompile_headers(headers_compile_alone PRIVATE <Eigen/Core>)
