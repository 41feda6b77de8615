#pragma once

#include "residual/train/weight_decay.hpp"

namespace residual {

/// Options of `Sgd`.
struct SgdOptions {
  double momentum = 0;      ///< mu
  double weight_decay = 0;  ///< of theta, added to the gradient
  bool nesterov = false;    ///< looks one step of momentum ahead
};

/// Stochastic gradient descent with momentum, PyTorch's SGD:
///
///     d = g + weight_decay mask theta,   b = mu b + d
///     theta = theta - rate b,   with nesterov theta - rate (d + mu b)
template <class S>
class Sgd {
 public:
  Column<S> b;  ///< the momentum: all of the optimizer's state

  /// For `size` numbers; `mask` as decay_mask makes it, or empty. Throws when an option or the mask does not fit.
  explicit Sgd(Index size, const SgdOptions& options = {}, Column<S> mask = {})
      : b(Column<S>::Zero(size)), options_(options), mask_(std::move(mask)) {
    expect(options.momentum >= 0 && options.momentum < 1, "Sgd: momentum is ", options.momentum,
           ", but it must be 0 or more and less than 1.");
    expect_decay("Sgd", options.weight_decay, mask_, size);
  }

  /// The options that it was made with.
  const SgdOptions& options() const { return options_; }

  /// One step against the gradient g; both are vectors in memory, since an expression would be copied first. Throws,
  /// with nothing changed, when they do not have the optimizer's size.
  void step(Eigen::Ref<Column<S>> theta, const Eigen::Ref<const Column<S>>& g, double rate) {
    expect_step("Sgd", b.size(), theta.size(), g.size(), rate);
    const S mu = S(options_.momentum), r = S(rate);
    with_decay<S>(S(options_.weight_decay), mask_, theta, [&](const auto& decay) {
      b.array() = mu * b.array() + (g.array() + decay);
      if (options_.nesterov) {
        theta.array() -= r * (g.array() + decay + mu * b.array());
      } else {
        theta -= r * b;
      }
    });
  }

 private:
  SgdOptions options_;
  Column<S> mask_;
};

}  // namespace residual
