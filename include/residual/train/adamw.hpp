#pragma once

#include <cmath>
#include <limits>

#include "residual/core/flat_memory.hpp"
#include "residual/kernel/simd.hpp"
#include "residual/train/weight_decay.hpp"

namespace residual {

/// Options of `AdamW`.
struct AdamWOptions {
  double beta1 = 0.9;          ///< memory of the first moment
  double beta2 = 0.999;        ///< memory of the second moment
  double epsilon = 1e-8;       ///< keeps the division finite where v is 0
  double weight_decay = 0.01;  ///< the part of theta that a step of rate 1 takes away
};

/// AdamW, Loshchilov and Hutter 2019 (arXiv:1711.05101), as PyTorch computes it; step t = 1, 2, ...:
///
///     m = beta1 m + (1 - beta1) g,   mhat = m / (1 - beta1^t)
///     v = beta2 v + (1 - beta2) g^2,   vhat = v / (1 - beta2^t)
///     theta = theta - rate (mhat / (sqrt(vhat) + epsilon) + weight_decay mask theta)
///
/// The root of a vhat below S's smallest normal number may be 0; epsilon, no less than that number's root, bounds the step
/// there. With weight_decay 0 it is Adam. With ParameterGroups rate and weight_decay have the factors of each part, and m, v and
/// theta of what is frozen keep their bits.
template <class S>
class AdamW {
 public:
  Column<S> m;      ///< first moment; with v and steps, all of the optimizer's state
  Column<S> v;      ///< second moment
  Index steps = 0;  ///< taken so far

  /// For `size` numbers; `mask` as decay_mask makes it, or empty. Throws when an option or the mask does not fit.
  explicit AdamW(Index size, const AdamWOptions& options = {}, const Column<S>& mask = {})
      : AdamW(size, options, ranges_of("AdamW", size, mask)) {}
  /// For the parameters that the groups are of. Throws when an option does not fit.
  explicit AdamW(const ParameterGroups& groups, const AdamWOptions& options = {})
      : AdamW(groups.size(), options, groups.ranges()) {}

  /// The options that it was made with.
  const AdamWOptions& options() const { return options_; }

  /// One step against the gradient g; both are vectors in memory. Throws, with nothing changed, when they do not have the
  /// optimizer's size, the rate does not fit or `steps` is negative.
  void step(Eigen::Ref<Column<S>> theta, const Eigen::Ref<const Column<S>>& g, double rate) {
    expect_step<S>("AdamW", m.size(), theta.size(), g.size(), rate, ranges_);
    expect(steps >= 0, "AdamW: steps is ", steps, ", but it must be 0 or more; set it to the steps taken so far.");
    const auto& [beta1, beta2, epsilon, weight_decay] = options_;
    ++steps;
    const Pack<S> c1(S(1 - std::pow(beta1, double(steps)))), c2(S(1 - std::pow(beta2, double(steps))));
    const Pack<S> b1((S(beta1))), new1(S(1 - beta1)), b2((S(beta2))), new2(S(1 - beta2)), eps((S(epsilon)));
    for (const TrainedRange& range : ranges_) {
      const Pack<S> own_rate(S(rate) * S(range.rate)), decay(S(weight_decay) * S(range.decay));
      each_pack<S>(range.size, [&](Index k, auto n) {
        const Index i = range.begin + k;
        const auto gi = Pack<S>::load(g.data() + i, n), x = Pack<S>::load(theta.data() + i, n);
        const auto mi = b1 * Pack<S>::load(m.data() + i, n) + new1 * gi;
        const auto vi = b2 * Pack<S>::load(v.data() + i, n) + new2 * (gi * gi);
        mi.store(m.data() + i, n);
        vi.store(v.data() + i, n);
        (x - own_rate * ((mi / c1) / (sqrt(vi / c2) + eps) + decay * x)).store(theta.data() + i, n);
      });
    }
  }
  /// Says what the gradient must be, where it is no vector in memory: an expression would be copied.
  template <class G>
    requires(!FlatMemory<G, S>)
  void step(Eigen::Ref<Column<S>>, const G&, double) {
    static_assert(
        sizeof(G) == 0,
        "AdamW::step: the gradient must be a vector in memory, of the optimizer's scalar: give grad.flat(), or store "
        "an expression in a Column<float> first.");
  }

 private:
  AdamW(Index size, const AdamWOptions& options, std::vector<TrainedRange> ranges)
      : m(Column<S>::Zero(size)), v(Column<S>::Zero(size)), options_(options), ranges_(std::move(ranges)) {
    const auto& [beta1, beta2, epsilon, weight_decay] = options;
    expect(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "AdamW: beta1 is ", beta1, " and beta2 ", beta2,
           ", but both must be 0 or more and less than 1.");
    const S least = std::sqrt(std::numeric_limits<S>::min());
    expect(S(epsilon) >= least && std::isfinite(S(epsilon)), "AdamW: epsilon is ", epsilon,
           ", but it keeps the step bounded where v is too low for the scalar: it must be finite and no less than ",
           least, ", the root of the scalar's smallest normal number, for example 1e-8.");
    expect_decay<S>("AdamW", weight_decay, ranges_);
  }

  AdamWOptions options_;
  std::vector<TrainedRange> ranges_;
};

}  // namespace residual
