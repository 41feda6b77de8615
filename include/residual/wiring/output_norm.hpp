#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// The order of OLMo 2, OLMo team 2024 (arXiv:2501.00656), whose norms are RMSNorm:
///
///     x_{k+1} = x_k + LN_k(f_k(x_k)),   y = LN(x_{N+1}),   x_1 = embedding
///
/// With Identity as `LastNorm`, y = x_{N+1}.
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct OutputNorm {
  using Scalar = S;
  Norm post;
  LastNorm last;

  /// With default norms of `dim` features.
  explicit OutputNorm(Index dim) : post(dim), last(dim) {}
  /// With norms of your choice.
  OutputNorm(Norm post_norm, LastNorm last_norm) : post(post_norm), last(last_norm) {}
  bool operator==(const OutputNorm&) const = default;
  Index dim() const { return post.dim; }
  auto norms() { return std::tie(post, last); }

  struct Params {
    PerSite<ParamsOf<Norm>> post;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const OutputNorm& w) {
      list.each_site("post_norm", post, w.post);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> post;
    PerSite<TokensView<S>> x;  ///< in front of the sub-layer
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const OutputNorm& w) {
      list.each_site(post, w.post);
      list.each_site("", x, [&](auto& c, auto& m, Site) { c("", m, list.kept_tokens(), w.dim()); });
      list.once(last, w.last);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(post, p.post, t.post);
    auto x = f.stream(x0);
    auto v = f.temp();
    for (const Site k : f.sites()) {
      f.keep(x, t.x[k]);
      f[k](x, v);
      LN[k](v, v);
      x += v;  // x' = x + LN(f(x))
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(post, p.post, t.post, g.post);
    auto dx = f.stream();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      auto dv = f.zeros();
      LN[k].pull(dx, dv);         // dv = LN^T dx'
      f[k].pull(t.x[k], dv, dx);  // dx = dx' + f^T dv
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
