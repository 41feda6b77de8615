// expected: A layer must list what it keeps for backward: add `struct Tape`
#include "residual/residual.hpp"

struct Layer {
  using Scalar = float;
  static constexpr const char* name = "";
  static constexpr bool mixes_tokens = false;
  struct Params {
    void carve(residual::Carver<float>&, const Layer&) {}
  };
  bool operator==(const Layer&) const = default;
  void check() const {}
};
residual::Stack<residual::PreLN<float>, Layer> stack{residual::PreLN<float>(8), {}, 1};
