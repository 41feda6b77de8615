// expected: A residual scheme must have a gradient: add `void backward
#include "residual/residual.hpp"

struct Scheme : residual::PreLN<float> {
  using residual::PreLN<float>::PreLN;
  void backward() const = delete;
};
residual::Parameters<residual::Encoder<Scheme>> theta(residual::encoder(Scheme(8), {}));
