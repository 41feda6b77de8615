#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

namespace test_support {

/// A residual scheme that uses what the interface offers and no paper needs at once: streams that are changed in front of the
/// loop, a norm of the embedding, numbers of a block among the block's and behind all blocks, and values kept for backward.
///
///     a_1 = LN0(x0),  b_1 = 2 LN0(x0),   v = f_k(LN_k(a + b)),   a' = a + g v,   b' = b + c a * a,   y = LN(a + b)
template <class S>
struct Freedoms {
  using Scalar = S;
  using Norm = residual::LayerNorm<S>;
  using Index = residual::Index;
  using Site = residual::Site;
  Norm first, norm, last;

  explicit Freedoms(Index dim) : first(dim), norm(dim), last(dim) {}
  bool operator==(const Freedoms&) const = default;
  Index dim() const { return norm.dim; }
  Index streams() const { return 2; }
  auto norms() { return std::tie(first, norm, last); }

  struct Params {
    residual::ParamsOf<Norm> first, last;
    residual::PerSite<residual::ParamsOf<Norm>> norm;
    residual::PerBlock<residual::RowView<S>> g, c;
    void carve(residual::ParamListing<S>& list, const Freedoms& w) {
      const auto number = [](auto& carver, auto& view, Site) { carver("", view, 1, residual::starts::at(0.5)); };
      list.numbered("c.", c, number);
      list.once("embed_norm.", first, w.first);
      list.each_block("g", g, number);
      list.each_site("norm", norm, w.norm);
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    residual::TapeOf<Norm> first, last;
    residual::PerSite<residual::TapeOf<Norm>> norm;
    residual::PerSite<residual::TokensView<S>> a, v;
    void carve(residual::TapeListing<S>& list, const Freedoms& w) {
      list.once(first, w.first);
      list.once(last, w.last);
      list.each_site(norm, w.norm);
      for (auto* field : {&a, &v}) {
        list.each_site("", *field, [&](auto& c, auto& m, Site) { c("", m, list.kept_tokens(), w.dim()); });
      }
    }
  };

  void forward(const Params& p, Tape& t, residual::Sublayers<S>& f, residual::In<S> x0, residual::Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    auto x = f.streams(2, x0);
    auto u = f.temp(), v = f.temp();
    auto a = x[0], b = x[1];
    f.bind(first, p.first, t.first)(x0, a);
    b = a;
    b *= S(2);
    for (const Site k : f.sites()) {
      LN[k](a + b, u);
      f[k](u, v);
      f.keep(a, t.a[k]);
      f.keep(v, t.v[k]);
      b += p.c[k][0] * a.cwiseProduct(a);
      a += p.g[k][0] * v;
    }
    f.bind(last, p.last, t.last)(a + b, y);
  }
  void backward(const Params& p, const Tape& t, residual::Sublayers<S>& f, residual::In<S>, residual::In<S> dy,
                residual::Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    auto da = f.stream(), db = f.stream();
    auto u = f.temp(), dv = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, da);
    db = da;
    for (const Site k : f.sites_backwards()) {
      auto du = f.zeros(), dsum = f.zeros();
      dv = t.a[k].cwiseProduct(t.a[k]);
      g.c[k][0] += f.dot(db, dv);      // dc = <db', a * a>
      g.g[k][0] += f.dot(da, t.v[k]);  // dg = <da', v>
      dv = p.g[k][0] * da;
      f[k].pull(LN[k].output(u), dv, du);
      LN[k].pull(du, dsum);
      da += S(2) * p.c[k][0] * db.cwiseProduct(t.a[k]) + dsum;
      db += dsum;
    }
    da += S(2) * db;
    f.bind(first, p.first, t.first, g.first).pull(da, dx0);
  }
};

}  // namespace test_support
