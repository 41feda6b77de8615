#include <iostream>
#include <residual/residual.hpp>

using namespace residual;

int main() {
  const auto model = encoder(ResiDual<float>(16), {.dim = 16, .heads = 2, .hidden = 32, .depth = 2});
  Parameters theta(model), grad(model);
  initialise(theta, /*seed*/ 1);
  Tape tape(model);
  const Batch batch = Batch::of({3, 2});
  const Tokens<float> x = Tokens<float>::Ones(5, 16);

  const Tokens<float> y = forward(model, theta, tape, batch, x);
  backward(model, theta, tape, y, grad);
  std::cout << "output " << y.norm() << ", gradient " << grad.flat().norm() << '\n';
  return std::isfinite(y.norm()) && grad.flat().norm() > 0 ? 0 : 1;
}
