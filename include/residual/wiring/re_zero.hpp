#pragma once

#include <concepts>

#include "residual/wiring/normed.hpp"

namespace residual {

/// ReZero, Bachlechner et al. 2020 (arXiv:2003.04887), with one gate g in each block, as its code has it:
///
///     x_{k+1} = x_k + g f_k(x_k),   y = x_{N+1},   x_1 = embedding
///
/// Gates start at 0. With a norm as `LastNorm`, y = LN(x_{N+1}). `Per` says where gates are: PerBlock or PerSite.
template <class S, class LastNorm = Identity<S>, template <class> class Per = PerBlock>
struct ReZero {
  using Scalar = S;
  Index width;
  LastNorm last;

  /// For streams of `dim` features.
  explicit ReZero(Index dim) : width(dim), last(dim) {}
  /// With a last norm of your choice.
  ReZero(Index dim, LastNorm last_norm) : width(dim), last(last_norm) {}
  bool operator==(const ReZero&) const = default;
  Index dim() const { return width; }
  auto norms() { return std::tie(last); }
  void check() const { expect(width > 0, "ReZero: dim is ", width, ", but a row must have 1 feature or more."); }

  struct Params {
    Per<RowView<S>> gate;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const ReZero& w) {
      const auto number = [](auto& c, auto& g, Site) { c("", g, 1, starts::zeros()); };
      if constexpr (std::same_as<Per<S>, PerBlock<S>>) {
        list.each_block("gate", gate, number);
      } else {
        list.each_site("gate", gate, number);
      }
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TokensView<S>> x, v;  ///< v = f(x)
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const ReZero& w) {
      for (auto* field : {&x, &v}) {
        list.each_site("", *field, [&](auto& c, auto& m, Site) { c("", m, list.kept_tokens(), w.width); });
      }
      list.once(last, w.last);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    auto x = f.stream(x0);
    auto v = f.temp();
    for (const Site k : f.sites()) {
      f.keep(x, t.x[k]);
      f[k](x, v);
      f.keep(v, t.v[k]);
      x += p.gate[k][0] * v;  // x' = x + g f(x)
    }
    f.bind(last, p.last, t.last)(x, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    auto dx = f.stream();
    auto dv = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, dx);
    for (const Site k : f.sites_backwards()) {
      g.gate[k][0] += f.dot(dx, t.v[k]);
      dv = p.gate[k][0] * dx;     // dv = g dx'
      f[k].pull(t.x[k], dv, dx);  // dx = dx' + f^T dv
    }
    f.to(dx0) += dx;
  }
};

}  // namespace residual
