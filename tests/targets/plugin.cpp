// A shared library that uses the library: cmake/test_targets.cmake compiles it for several targets.
#include <residual/kernel/gemm.hpp>

[[gnu::visibility("default")]] float NAME() {
  using namespace residual;
  const Tokens<float> a = Tokens<float>::Ones(5, 7);
  Tokens<float> c(5, 5);
  product<float>(Serial::instance(), In<float>(a), transposed(In<float>(a)), Out<float>(c));
  return c.sum() / 5;
}
