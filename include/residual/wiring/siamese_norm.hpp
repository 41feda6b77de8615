#pragma once

#include "residual/wiring/normed.hpp"

namespace residual {

/// SiameseNorm (arXiv:2602.08064, Algorithm 1), a Post-LN and a Pre-LN stream around the same sub-layers:
///
///     o = f_k(x_k + LN'_k(y_k)),   x_{k+1} = LN_k(x_k + o),   y_{k+1} = y_k + o,   x_1 = y_1 = embedding
///
/// whose output is x_{N+1} + LN(y_{N+1}).
template <class S, class Norm = LayerNorm<S>, class LastNorm = Norm>
struct SiameseNorm {
  using Scalar = S;
  Norm norm_x;  ///< LN
  Norm norm_y;  ///< LN'
  LastNorm last;

  /// With default norms of `dim` features.
  explicit SiameseNorm(Index dim) : norm_x(dim), norm_y(dim), last(dim) {}
  /// With norms of your choice.
  SiameseNorm(Norm of_x, Norm of_y, LastNorm last_norm) : norm_x(of_x), norm_y(of_y), last(last_norm) {}
  bool operator==(const SiameseNorm&) const = default;
  Index dim() const { return norm_x.dim; }
  auto norms() { return std::tie(norm_x, norm_y, last); }
  Index streams() const { return 2; }

  struct Params {
    PerSite<ParamsOf<Norm>> norm_x, norm_y;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const SiameseNorm& w) {
      list.each_site("norm_x", norm_x, w.norm_x);
      list.each_site("norm_y", norm_y, w.norm_y);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm_x, norm_y;
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const SiameseNorm& w) {
      list.each_site(norm_x, w.norm_x);
      list.each_site(norm_y, w.norm_y);
      list.once(last, w.last);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> out) const {
    const auto LNx = f.bind(norm_x, p.norm_x, t.norm_x), LNy = f.bind(norm_y, p.norm_y, t.norm_y);
    auto x = f.stream(x0), y = f.stream(x0);
    auto u = f.temp(), o = f.temp();
    for (const Site k : f.sites()) {
      LNy[k](y, u);
      u += x;
      f[k](u, o);        // o = f(x + LN'(y))
      LNx[k](x + o, x);  // x' = LN(x + o)
      y += o;            // y' = y + o
    }
    f.bind(last, p.last, t.last)(y, out);
    f.to(out) += x;  // x + LN(y)
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dout, Out<S> dx0, Params& g) const {
    const auto LNx = f.bind(norm_x, p.norm_x, t.norm_x, g.norm_x), LNy = f.bind(norm_y, p.norm_y, t.norm_y, g.norm_y);
    auto dx = f.stream(dout), dy = f.stream();
    auto u = f.temp(), d_o = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dout, dy);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros(), du = f.zeros();
      const In<S> ln = LNy[k].output(u);
      u = ln + In<S>(f.stream_before(k, x0, LNx));
      LNx[k].pull(dx, da);    // da = LN^T dx'
      d_o = da + dy;          // do = da + dy'
      f[k].pull(u, d_o, du);  // du = f^T do
      dx = da + du;           // dx = da + du
      LNy[k].pull(du, dy);    // dy = dy' + LN'^T du
    }
    f.to(dx0) += dx + dy;
  }
};

}  // namespace residual
