#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// The parallel block of GPT-J and PaLM, Chowdhery et al. 2022 (arXiv:2204.02311): all sub-layers of block b read one norm,
///
///     x_{b+1} = x_b + f_{b,1}(LN_b(x_b)) + f_{b,2}(LN_b(x_b)) + ...,   y = LN(x_{L+1}),   x_1 = embedding
///
/// With Identity as `LastNorm`, y = x_{L+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct ParallelBlock {
  using Scalar = S;
  Norm norm;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit ParallelBlock(Index dim) : norm(dim), last(dim) {}
  /// With norms of your choice.
  ParallelBlock(Norm n, LastNorm last_norm) : norm(n), last(last_norm) {}
  bool operator==(const ParallelBlock&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, last); }

  struct Params {
    PerBlock<ParamsOf<Norm>> norm;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const ParallelBlock& w) {
      list.each_block("norm1", norm, w.norm);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerBlock<TapeOf<Norm>> norm;
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const ParallelBlock& w) {
      list.each_block(norm, w.norm);
      list.once(last, w.last);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.stream(x0);
    auto u = f.temp(), v = f.temp();
    for (const Site k : f.sites()) {
      if (k.begins_block()) LN[k](x, u);  // u = LN(x) of the block
      f[k](u, v);
      x += v;  // x + f_1(u) + ...
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto dx = f.stream();
    auto memory = f.temp(), du = f.temp();
    In<S> u;
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      if (k.ends_block()) {
        u.show(LN[k].output(memory));
        du = Tokens<S>::Zero(du.rows(), du.cols());
      }
      f[k].pull(u, dx, du);                      // du = f_1^T dx' + ...
      if (k.begins_block()) LN[k].pull(du, dx);  // dx = dx' + LN^T du
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
