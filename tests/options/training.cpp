// A model learns and decodes without exceptions and run-time types, and without what only GCC and those like it have.
// options: -O1 -fno-exceptions -fno-rtti
// options: -O1 -DRESIDUAL_PORTABLE
#include <cmath>
#include <cstdio>
#include <vector>

#include "residual/residual.hpp"

using namespace residual;

int main() {
  const Sizes sizes{.dim = 16, .heads = 2, .hidden = 32, .depth = 2};
  const auto model = language_model(PreLN<float>(16), sizes, Embedding<float>(9, 16, 16));
  Parameters theta(model), gradient(model);
  initialise(theta, 1);
  Tape tape(model);
  AdamW<float> adam(theta.size());
  const std::vector<int> text{1, 2, 3, 4, 5, 6, 7, 8}, next{2, 3, 4, 5, 6, 7, 8, 1};
  Tokens<float> dlogits(8, 9);
  float loss = 0;
  for (int step = 0; step < 60; ++step) {
    gradient.flat().setZero();
    loss = cross_entropy(forward(model, theta, tape, {.batch = Batch::of({8}), .tokens = text}), next, dlogits);
    backward(model, theta, tape, dlogits, gradient);
    adam.step(theta.flat(), gradient.flat(), 1e-2);
  }
  Decoding decoding(model, theta, {.sequences = 1, .longest = 16});
  decoding.start(1);
  const bool counts = greedy(decoding, {{1, 2, 3}}, {.tokens = 4}) == std::vector<std::vector<int>>{{4, 5, 6, 7}};
  std::printf("The loss is %g, and what follows 1 2 3 is %s.\n", double(loss), counts ? "right" : "wrong");
  return loss < 0.5F && counts ? 0 : 1;
}
