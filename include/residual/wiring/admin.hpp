#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "residual/core/find_tensor.hpp"
#include "residual/wiring/normed.hpp"
#include "residual/wiring/scaled.hpp"

namespace residual {

/// Admin, Liu et al. 2020 (arXiv:2004.08249):
///
///     x_{k+1} = LN_k(omega_k * x_k + f_k(x_k)),   y = x_{N+1},   x_1 = embedding      (* entry by entry)
///
/// omega starts as ones; AdminProfile sets it before training, as the paper does. With a norm as `LastNorm`,
/// y = LN(x_{N+1}).
template <class S, class Norm = LayerNorm<S>, class LastNorm = Identity<S>>
struct Admin {
  using Scalar = S;
  using Tape = typename Normed<S, Norm, LastNorm>::Tape;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit Admin(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  explicit Admin(Norm n, LastNorm last_norm = LastNorm()) : norm(n), last(last_norm) {}
  bool operator==(const Admin&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  struct Params : Normed<S, Norm, LastNorm>::Params {
    PerSite<RowView<S>> omega;
    void carve(ParamListing<S>& list, const Admin& w) {
      Normed<S, Norm, LastNorm>::Params::carve(list, w);
      list.each_site("omega", omega, [&](auto& c, auto& row, Site) { c("", row, w.dim(), starts::ones()); });
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto a = f.temp();
    for (const Site k : f.sites()) {
      f[k](x, a);
      LN[k](scaled(p.omega[k], x) + a, x);  // x' = LN(omega * x + f(x))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros();
      LN[k].pull(dx, da);  // da = LN^T dx'
      const auto x = f.stream_before(k, x0, LN);
      add_scale_gradient(f, x, da, g.omega[k]);
      dx = scaled(p.omega[k], da);
      f[k].pull(x, da, dx);  // dx = omega * da + f^T da
    }
    f.to(dx0) += dx;
  }
};

/// Admin's profiling pass: while it observes a forward pass, before training, it sets all numbers of each omega_k to
///
///     omega_1 = 1,   omega_{k+1}^2 = Var(omega_k x_k) + Var(f_k(x_k))
///
/// where variances are over all entries:
///
///     AdminProfile<float> profile(theta.manifest(), theta.data());
///     tape.observe(&profile);
///     forward(model, theta, tape, input);
///     tape.observe(nullptr);
template <class S>
class AdminProfile final : public Observer<S> {
 public:
  /// Of `numbers` that must outlive it. `stacks` is how the names of each stack begin, in the order in which they run: for
  /// a model of encoder and decoder {"encoder.", "decoder."}.
  AdminProfile(Manifest manifest, S* numbers, std::vector<std::string> stacks = {""})
      : manifest_(std::move(manifest)), numbers_(numbers), stacks_(std::move(stacks)) {}

  void branch(Site k, In<S> x, In<S> fx) override {
    const double of_x = variance(x), of_fx = variance(fx);
    if (k.is_first()) start_stack();
    const std::string name =
        stacks_[stack_ - 1] + "layers." + std::to_string(k.block) + ".omega" + std::to_string(k.slot + 1);
    const ManifestEntry& omega = find_tensor(manifest_, name);
    std::fill_n(numbers_ + omega.offset, omega.size(), S(std::sqrt(gathered_)));
    gathered_ = gathered_ * of_x + of_fx;
  }

 private:
  void start_stack() {
    expect(stack_ < stacks_.size(), "AdminProfile saw more stacks run than the ", stacks_.size(),
           " whose names it was given; give it those of all, and observe one pass with it.");
    ++stack_;
    gathered_ = 1;
  }
  static double variance(In<S> x) {
    expect(x.size() > 0, "AdminProfile saw a pass without tokens, which have no variance; give it some.");
    const auto mean_of = [&](auto&& value) {
      double sum = 0;
      for (Index i = 0; i < x.rows(); ++i) {
        sum += double(row_sum<S>(x.cols(), [&](Index j, auto n) { return value(x.row_data(i) + j, n); }));
      }
      return sum / double(x.size());
    };
    const S mean = S(mean_of([](const S* entries, auto n) { return Pack<S>::load(entries, n); }));
    return mean_of([&](const S* entries, auto n) {
      const auto distance = Pack<S>::load(entries, n, mean) - Pack<S>(mean);
      return distance * distance;
    });
  }

  Manifest manifest_;
  S* numbers_;
  std::vector<std::string> stacks_;
  std::size_t stack_ = 0;  // stacks that have begun
  double gathered_ = 1;    // omega^2 of the next sub-layer
};

}  // namespace residual
