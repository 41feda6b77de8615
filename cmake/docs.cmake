# The target docs: pages from the headers' comments and the texts in docs/, in docs/html of the build folder. Whatever
# Doxygen complains about is an error, but for members without a comment: those that every layer, scheme or model has, such
# as carve, check and Scalar, are explained by the concepts Component, Layer, Norm, Wiring and Model.
find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
  add_custom_target(docs COMMAND ${CMAKE_COMMAND} -E echo "Doxygen was not found: install it, then configure again."
                         COMMAND ${CMAKE_COMMAND} -E false)
  return()
endif()
set(DOXYGEN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/docs)
set(DOXYGEN_USE_MDFILE_AS_MAINPAGE README.md)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_STRIP_FROM_INC_PATH ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_IMAGE_PATH ${PROJECT_SOURCE_DIR})
set(DOXYGEN_JAVADOC_AUTOBRIEF YES)
set(DOXYGEN_EXCLUDE_SYMBOLS detail)
set(DOXYGEN_WARN_IF_UNDOCUMENTED NO)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_DOT_GRAPH_MAX_NODES 100)  # residual.hpp includes more than 50 headers
doxygen_add_docs(docs include/residual README.md CONTRIBUTING.md docs)
