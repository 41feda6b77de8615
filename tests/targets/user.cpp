// A file of a program that uses the library: cmake/test_targets.cmake compiles it for several targets.
#include <residual/core/view.hpp>

static const residual::Tokens<float> early = residual::Tokens<float>::Ones(5, 7);  // before main, as the check is

float NAME() { return early.sum(); }
