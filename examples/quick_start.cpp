// Trains a ResiDual encoder to reverse the features of every token.
// ctest:
#include <iostream>
#include <residual/residual.hpp>

using namespace residual;

int main() {
  const auto model = encoder(ResiDual<float>(64), {.dim = 64, .heads = 4, .hidden = 256, .depth = 6});
  Parameters theta(model), gradient(model);  // two vectors of the same shape
  initialise(theta, /*seed*/ 1);
  Tape tape(model);  // what one thread needs for one pass

  const Batch batch = Batch::of({7, 3, 5});  // three sequences, packed without padding
  const Tokens<float> x = Tokens<float>::Random(batch.tokens(), 64), target = x.rowwise().reverse();
  Tokens<float> dy(x.rows(), x.cols());

  for (int step = 0; step <= 200; ++step) {
    const float loss = mse(forward(model, theta, tape, batch, x), target, dy);  // and its gradient, dy
    if (step % 50 == 0) std::cout << "step " << step << ", loss " << loss << '\n';
    gradient.flat().setZero();
    backward(model, theta, tape, dy, gradient);
    theta.flat() -= 0.5f * gradient.flat();  // or MPI_Allreduce(gradient.data(), gradient.size()) first
  }
}
