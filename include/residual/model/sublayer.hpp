#pragma once

#include "residual/layers/dropout.hpp"
#include "residual/model/observer.hpp"

namespace residual {

/// A sub-layer with its dropout, and whoever looks on.
template <Layer L>
struct Sublayer final : Branch<typename L::Scalar> {
  using S = typename L::Scalar;
  /// The sub-layer at `where`, dropped with the probability `rate`; the onlooker may be nullptr.
  Sublayer(Bound<L> bound, double rate, Observer<S>* onlooker, Site where)
      : f(bound), drop(rate, f.pass, Purpose::residual), observer(onlooker), site(where) {}
  Bound<L> f;
  Dropout<S> drop;  ///< of f(x)
  Observer<S>* observer;
  Site site;

  void operator()(In<S> x, Out<S> y) const override {
    f(x, y);
    apply(y);
    if (observer != nullptr) observer->branch(site, x, y);
  }
  void pull(In<S> dy, Out<S> dx) const override {
    if (observer != nullptr) observer->branch_gradient(site, dy);
    if (!drop.active()) return f.pull(dy, dx);
    auto df = f.pass.workspace.temp(dy.rows(), dy.cols());
    df = dy;
    apply(df);
    f.pull(df, dx);
  }

 private:
  void apply(Out<S> y) const {
    for (Index i = 0; drop.active() && i < y.rows(); ++i) drop(i, 0, y.cols(), y.row_data(i));
  }
};

}  // namespace residual
