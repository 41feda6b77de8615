#pragma once

#include <vector>

#include "residual/kernel/gemm.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/mixed_streams.hpp"

namespace residual {

/// The learned numbers of hyper-connections at a sub-layer, the same for every token, which begin as a Pre-LN of each stream:
/// sub-layer k, from 0, reads stream k mod n.
template <class S>
struct StaticNumbers {
  TokensView<S> a;
  RowView<S> b;
  void carve(Carver<S>& c, Index n, Site k) {
    const auto start = [](Index row, Index col, double read) {
      return (col == 0 ? row == Index(read) : row == col - 1) ? 1.0 : 0.0;
    };
    c(".static_alpha", a, n, 1 + n, Start{start, double(k.number() % n)});
    c(".static_beta", b, n, starts::ones());
  }
};

/// The numbers of HyperConnections: parameters.
template <class S>
struct StaticMixing {
  bool operator==(const StaticMixing&) const = default;
  void check(Index) const {}
  std::tuple<> norms() { return {}; }

  struct Params {
    StaticNumbers<S> fixed;
    void carve(Carver<S>& c, ParamListing<S>&, const StaticMixing&, Index, Index n, Site k) { c("", fixed, n, k); }
  };
  struct Tape {
    void carve(Carver<S>&, TapeListing<S>&, const StaticMixing&, Index, Index) {}
  };

  void numbers(const Params& p, Tape&, Sublayers<S>& f, Index, In<S>, Out<S> a, Out<S> b) const {
    const Eigen::Map<const Row<S>> all(p.fixed.a.data(), p.fixed.a.size());
    f.to(a) = all.replicate(a.rows(), 1);
    f.to(b) = p.fixed.b.replicate(b.rows(), 1);
  }
  void pull(const Params&, const Tape&, Sublayers<S>& f, Index, In<S>, Out<S> da, Out<S> db, StreamArray<S>&,
            Params& g) const {
    add_column_sums<S>(f.pass().executor, da, g.fixed.a.data());
    add_column_sums<S>(f.pass().executor, db, g.fixed.b.data());
  }
};

/// The numbers of DynamicHyperConnections: static ones, and what depends on the streams.
template <class S, class KeyNorm>
struct DynamicMixing {
  KeyNorm norm;
  bool tanh = true;
  bool operator==(const DynamicMixing&) const = default;
  void check(Index) const {}
  auto norms() { return std::tie(norm); }

  struct Params {
    StaticNumbers<S> fixed;
    ParamsOf<KeyNorm> norm;
    TokensView<S> w;
    ColumnView<S> v;
    RowView<S> scale_a, scale_b;
    void carve(Carver<S>& c, ParamListing<S>& list, const DynamicMixing& m, Index dim, Index n, Site k) {
      c("", fixed, n, k);
      list.carve(c, ".layer_norm.", norm, m.norm);
      c(".dynamic_alpha_fn", w, dim, 1 + n, starts::zeros().decaying());
      c(".dynamic_alpha_scale", scale_a, 1, starts::at(0.01));
      c(".dynamic_beta_fn", v, dim, starts::zeros().decaying());
      c(".dynamic_beta_scale", scale_b, 1, starts::at(0.01));
    }
  };
  struct Tape {
    std::vector<TapeOf<KeyNorm>> norm;  ///< of each stream
    TokensView<S> a, b;                 ///< tanh(z_i W) and tanh(z_i v)
    void carve(Carver<S>& c, TapeListing<S>& list, const DynamicMixing& m, Index, Index n) {
      if (Index(norm.size()) != n) norm = std::vector<TapeOf<KeyNorm>>(std::size_t(n));
      for (auto& tape : norm) list.carve(c, tape, m.norm);
      c("", a, list.kept_tokens(), n * (1 + n));
      c("", b, list.kept_tokens(), n);
    }
  };

  void numbers(const Params& p, Tape& t, Sublayers<S>& f, Index n, In<S> h, Out<S> a, Out<S> b) const {
    auto z = f.temp();
    for (Index i = 0; i < n; ++i) {
      f.bind(norm, p.norm, t.norm[std::size_t(i)])(h.rows_from(i * f.tokens(), f.tokens()), z);
      product<S>(f.pass().executor, In<S>(z), In<S>(p.w), a.cols_from(i * (1 + n), 1 + n));
      product<S>(f.pass().executor, In<S>(z), column(p.v), b.cols_from(i, 1));
    }
    finish(f, a, t.a, p.scale_a[0], p.fixed.a.data());
    finish(f, b, t.b, p.scale_b[0], p.fixed.b.data());
  }
  void pull(const Params& p, const Tape& t, Sublayers<S>& f, Index n, In<S>, Out<S> da, Out<S> db, StreamArray<S>& dh,
            Params& g) const {
    const auto& executor = f.pass().executor;
    finish_pull(f, da, t.a, p.scale_a[0], g.scale_a[0], g.fixed.a.data());
    finish_pull(f, db, t.b, p.scale_b[0], g.scale_b[0], g.fixed.b.data());
    auto u = f.temp(), dz = f.temp();
    for (Index i = 0; i < n; ++i) {
      const auto LN = f.bind(norm, p.norm, t.norm[std::size_t(i)], g.norm);
      const In<S> z = LN.output(u), dq = da.cols_from(i * (1 + n), 1 + n), dr = db.cols_from(i, 1);
      product<S>(executor, transposed<S>(z), dq, Out<S>(g.w), Write::add);
      product<S>(executor, transposed<S>(z), dr, Out<S>(g.v.data(), g.v.size(), 1, 1), Write::add);
      product<S>(executor, dq, transposed<S>(p.w), dz);
      product<S>(executor, dr, column(p.v).transpose(), dz, Write::add);
      LN.pull(dz, dh[i]);
    }
  }

 private:
  static Factor<S> column(const ColumnView<S>& v) { return {v.data(), v.size(), 1, 1, 1}; }
  /// x = scale tanh(x) + fixed in every row, where `kept` gets tanh(x) if backward follows.
  void finish(Sublayers<S>& f, Out<S> x, TokensView<S>& kept, S scale, const S* fixed) const {
    const bool keep = f.pass().keep;
    each_pack_of_rows<S>(f.pass().executor, x.rows(), x.cols(), [&](Index i, Index j, auto n) {
      auto q = Pack<S>::load(x.row_data(i) + j, n);
      if (tanh) q = q.each([](const S& v) { return tanh_of(v); });
      if (keep) q.store(kept.data() + i * x.cols() + j, n);
      fma(Pack<S>(scale), q, Pack<S>::load(fixed + j, n)).store(x.row_data(i) + j, n);
    });
  }
  /// dx, the gradient of what `finish` made of x, becomes that of x.
  void finish_pull(Sublayers<S>& f, Out<S> dx, const TokensView<S>& kept, S scale, S& dscale, S* dfixed) const {
    add_column_sums<S>(f.pass().executor, dx, dfixed);
    dscale += f.dot(dx, kept);
    each_pack_of_rows<S>(f.pass().executor, dx.rows(), dx.cols(), [&](Index i, Index j, auto n) {
      const auto q = Pack<S>::load(kept.data() + i * dx.cols() + j, n), one = Pack<S>(S(1));
      const auto slope = tanh ? one - q * q : one;
      (Pack<S>(scale) * Pack<S>::load(dx.row_data(i) + j, n) * slope).store(dx.row_data(i) + j, n);
    });
  }
  static S tanh_of(const S& x) {
    using std::tanh;
    return tanh(x);
  }
};

/// Hyper-connections, Zhu et al. 2024 (arXiv:2409.19606), with n streams h_1 .. h_n that all start as the embedding:
///
///     u = sum_i a_i0 h_i,   o = f(LN(u)),   h'_j = b_j o + sum_i a_ij h_i,   y = LN(sum_j h_j)
///
/// with learned a and b at every sub-layer. They start as Pre-LN: sub-layer k, from 0, reads stream k mod n, a_ij = 1 for i = j,
/// else 0, and b = 1.
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct HyperConnections : MixedStreams<S, StaticMixing<S>, Norm, LastNorm> {
  /// With default norms of `dim` features.
  explicit HyperConnections(Index dim, Index streams = 4) : HyperConnections(Norm(dim), LastNorm(dim), streams) {}
  /// With norms of your choice.
  HyperConnections(Norm u, LastNorm last_norm, Index streams)
      : MixedStreams<S, StaticMixing<S>, Norm, LastNorm>{u, last_norm, streams, {}} {}
};

/// Dynamic hyper-connections, Zhu et al. 2024 (arXiv:2409.19606): as HyperConnections, but a and b depend on the token, too,
///
///     a_i = s_a tanh(z_i W) + static a_i,   b_i = s_b tanh(z_i v) + static b_i,   z_i = LN'(h_i)
///
/// where `source.tanh` may be false. W and v start as 0, so that it starts as Pre-LN, and s_a and s_b as 0.01.
template <class S, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct DynamicHyperConnections : MixedStreams<S, DynamicMixing<S, Norm>, Norm, LastNorm> {
  /// With default norms of `dim` features.
  explicit DynamicHyperConnections(Index dim, Index streams = 4)
      : DynamicHyperConnections(Norm(dim), LastNorm(dim), Norm(dim), streams) {}
  /// With norms of your choice, `z` that of the streams before W and v, and without tanh if you like.
  DynamicHyperConnections(Norm u, LastNorm last_norm, Norm z, Index streams, bool with_tanh = true)
      : MixedStreams<S, DynamicMixing<S, Norm>, Norm, LastNorm>{u, last_norm, streams, {z, with_tanh}} {}
};

}  // namespace residual
