// expected: A residual scheme must list its parameters: add `struct Params`
#include "residual/residual.hpp"

struct Scheme {
  using Scalar = float;
  residual::Index dim() const { return 8; }
  bool operator==(const Scheme&) const = default;
};
residual::Encoder<Scheme> stack;
