// expected: A residual scheme must be comparable: add `bool operator==
#include "residual/residual.hpp"

struct Scheme {
  using Scalar = float;
};
residual::Encoder<Scheme> stack;
