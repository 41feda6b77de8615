#pragma once

#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/wiring.hpp"

/// A residual scheme of one's own: each sub-layer reads a learned mixture of the embedding and of all outputs before it,
///
///     h_k = sum_{j < k} w_kj v_j,   v_k = LN'_k(f_k(LN_k(h_k))),   v_0 = embedding,   y = sum_{j <= N} w_j v_j
///
/// It begins as the sum of all of them: every w is 1 at the start.
template <class S>
struct HistoryMix {
  using Scalar = S;
  using Norm = residual::LayerNorm<S>;
  using Index = residual::Index;
  using Site = residual::Site;
  Norm norm, post;

  explicit HistoryMix(Index dim) : norm(dim), post(dim) {}
  HistoryMix(Norm before, Norm behind) : norm(before), post(behind) {}
  bool operator==(const HistoryMix&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tie(norm, post); }

  struct Params {
    residual::PerSite<residual::ParamsOf<Norm>> norm, post;
    residual::PerSite<residual::RowView<S>> w;
    residual::RowView<S> last;
    void carve(residual::ParamListing<S>& list, const HistoryMix& scheme) {
      list.each_site("norm", norm, scheme.norm);       // layers.0.norm1.weight, ...
      list.each_site("post_norm", post, scheme.post);  // layers.0.post_norm1.weight, ...
      list.each_site("mix", w,
                     [](auto& c, auto& row, Site k) { c("", row, k.number() + 1, residual::starts::ones()); });
      list.once([&](auto& c) { c("mix", last, list.sites() + 1, residual::starts::ones()); });
    }
  };
  struct Tape {
    residual::PerSite<residual::TapeOf<Norm>> norm, post;
    residual::Matrices<S> v;
    void carve(residual::TapeListing<S>& list, const HistoryMix& scheme) {
      list.each_site(norm, scheme.norm);
      list.each_site(post, scheme.post);
      list.once([&](auto& c) { v.carve(c, list.sites() + 1, list.tokens(), scheme.dim()); });
    }
  };

  void forward(const Params& p, Tape& t, residual::Sublayers<S>& f, residual::In<S> x0, residual::Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm), LNpost = f.bind(post, p.post, t.post);
    auto h = f.stream(x0);
    auto u = f.temp();
    f.to(t.v[0]) = x0;
    for (const Site k : f.sites()) {
      mix(f, p.w[k], t.v, h);             // h_k = sum_{j < k} w_kj v_j
      LN[k](h, h);                        // LN_k(h_k)
      f[k](h, u);                         // f_k(LN_k(h_k))
      LNpost[k](u, t.v[k.number() + 1]);  // v_k
    }
    mix(f, p.last, t.v, y);
  }
  void backward(const Params& p, const Tape& t, residual::Sublayers<S>& f, residual::In<S>, residual::In<S> dy,
                residual::Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm), LNpost = f.bind(post, p.post, t.post, g.post);
    auto dv = f.temps(f.count() + 1);
    dv.all().setZero();
    auto u = f.temp();
    mix_pull(f, p.last, t.v, dy, g.last, dv);
    for (const Site k : f.sites_backwards()) {
      auto da = f.zeros(), du = f.zeros(), dh = f.zeros();
      LNpost[k].pull(dv[k.number() + 1], da);
      f[k].pull(LN[k].output(u), da, du);
      LN[k].pull(du, dh);
      mix_pull(f, p.w[k], t.v, dh, g.w[k], dv);
    }
    f.to(dx0) += dv[0];
  }

 private:
  void mix(auto& f, const auto& w, const auto& v, residual::Out<S> h) const {
    f.to(h) = w[0] * v[0];
    for (Index j = 1; j < w.size(); ++j) f.to(h) += w[j] * v[j];
  }
  /// dw_j += <dh, v_j>,   dv_j += w_j dh
  void mix_pull(auto& f, const auto& w, const auto& v, residual::In<S> dh, auto& dw, auto& dv) const {
    for (Index j = 0; j < w.size(); ++j) {
      dw[j] += f.dot(dh, v[j]);
      dv[j] += w[j] * dh;
    }
  }
};
