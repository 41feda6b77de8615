#pragma once

#include "residual/core/flat_memory.hpp"
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
///
/// With ParameterGroups rate and weight_decay have the factors of each part, and b and theta of what is frozen keep their
/// bits.
template <class S>
class Sgd {
 public:
  Column<S> b;  ///< the momentum: all of the optimizer's state

  /// For `size` numbers; `mask` as decay_mask makes it, or empty. Throws when an option or the mask does not fit.
  explicit Sgd(Index size, const SgdOptions& options = {}, const Column<S>& mask = {})
      : Sgd(size, options, ranges_of("Sgd", size, mask)) {}
  /// For the parameters that the groups are of. Throws when an option does not fit.
  explicit Sgd(const ParameterGroups& groups, const SgdOptions& options = {})
      : Sgd(groups.size(), options, groups.ranges()) {}

  /// The options that it was made with.
  const SgdOptions& options() const { return options_; }

  /// One step against the gradient g; both are vectors in memory. Throws, with nothing changed, when they do not have the
  /// optimizer's size or the rate does not fit.
  void step(Eigen::Ref<Column<S>> theta, const Eigen::Ref<const Column<S>>& g, double rate) {
    expect_step<S>("Sgd", b.size(), theta.size(), g.size(), rate, ranges_);
    const S mu = S(options_.momentum);
    for (const TrainedRange& range : ranges_) {
      const auto own = [&](auto& x) { return x.segment(range.begin, range.size).array(); };
      const S r = S(rate) * S(range.rate);
      const auto d = own(g) + S(options_.weight_decay) * S(range.decay) * own(theta);
      own(b) = mu * own(b) + d;
      if (options_.nesterov) {
        own(theta) -= r * (d + mu * own(b));
      } else {
        own(theta) -= r * own(b);
      }
    }
  }
  /// Says what the gradient must be, where it is no vector in memory: an expression would be copied.
  template <class G>
    requires(!FlatMemory<G, S>)
  void step(Eigen::Ref<Column<S>>, const G&, double) {
    static_assert(
        sizeof(G) == 0,
        "Sgd::step: the gradient must be a vector in memory, of the optimizer's scalar: give grad.flat(), or store "
        "an expression in a Column<float> first.");
  }

 private:
  Sgd(Index size, const SgdOptions& options, std::vector<TrainedRange> ranges)
      : b(Column<S>::Zero(size)), options_(options), ranges_(std::move(ranges)) {
    expect(options.momentum >= 0 && options.momentum < 1, "Sgd: momentum is ", options.momentum,
           ", but it must be 0 or more and less than 1.");
    expect_decay<S>("Sgd", options.weight_decay, ranges_);
  }

  SgdOptions options_;
  std::vector<TrainedRange> ranges_;
};

}  // namespace residual
