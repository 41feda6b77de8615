# The target residual::precompiled, a static library of the models that <residual/precompiled.hpp> declares; a source a
# scalar, made of that header.
set(RESIDUAL_PRECOMPILED_ARCH "" CACHE STRING
    "The library and who links it are compiled for -march=<this>; empty: the default")
set(header ${PROJECT_SOURCE_DIR}/include/residual/precompiled.hpp)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
file(READ ${header} text)
set(folder ${PROJECT_BINARY_DIR}/precompiled)
file(CONFIGURE OUTPUT ${folder}/instruction_set.cpp @ONLY CONTENT [[
#include <residual/precompiled.hpp>

template <residual::Index alignment, residual::Index lanes>
int residual::precompiled_for() {
  return int(lanes);
}
template int residual::precompiled_for<EIGEN_MAX_ALIGN_BYTES, residual::Pack<float>::lanes>();
]])
set(sources ${folder}/instruction_set.cpp)
foreach(scalar float double)
  string(REGEX MATCHALL "extern template [^;]*<${scalar}>[^;]*" models "${text}")
  list(TRANSFORM models REPLACE "^extern " "")
  list(JOIN models ";\n" models)
  file(CONFIGURE OUTPUT ${folder}/${scalar}.cpp @ONLY CONTENT
       "#include <residual/residual.hpp>\n\nnamespace residual {\n\n${models};\n\n}  // namespace residual\n")
  list(APPEND sources ${folder}/${scalar}.cpp)
endforeach()

add_library(residual_precompiled STATIC ${sources})
add_library(residual::precompiled ALIAS residual_precompiled)
set_target_properties(residual_precompiled PROPERTIES EXPORT_NAME precompiled POSITION_INDEPENDENT_CODE ON)
target_link_libraries(residual_precompiled PUBLIC residual)
if(RESIDUAL_PRECOMPILED_ARCH)
  target_compile_options(residual_precompiled PUBLIC -march=${RESIDUAL_PRECOMPILED_ARCH})
endif()
