#pragma once

#include "residual/kernel/gemm.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/wiring/manifold_mixings.hpp"
#include "residual/wiring/mixed_streams.hpp"

namespace residual {

/// The numbers of ManifoldHyperConnections: with the streams of a token as one row z = (h_1, .., h_n) / sqrt(mean square + epsilon),
///
///     a_i0 = sigmoid(alpha_pre z phi_pre + b_pre)_i,   b_j = 2 sigmoid(alpha_post z phi_post + b_post)_j
///     a_ij = M_ji,   M = mixing(alpha_res z phi_res + b_res)
///
/// The logits of all three stand in one row, m = z (phi_pre, phi_post, phi_res). Since <z, dz> = <m, dm>, the gradient of z is not
/// needed for that of its norm:
///
///     dh_i += r (dm phi^T)_i - h_i r^2 <m, dm> / (n d),   r = 1 / sqrt(mean square + epsilon)
template <class S, class Mixing>
struct ManifoldMixing {
  Mixing mixing;
  S epsilon = S(1e-20);
  bool operator==(const ManifoldMixing&) const = default;
  void check(Index n) const {
    expect(epsilon > S(0) && is_finite(epsilon) && is_finite(S(2) / epsilon), "ManifoldHyperConnections: epsilon is ",
           epsilon, ", but it must be a number greater than 0, and so must 2 / epsilon be, for example 1e-20.");
    mixing.check(n);
  }
  std::tuple<> norms() { return {}; }

  /// One of the three: alpha z phi + b.
  template <class Bias>
  struct Logits {
    TokensView<S> phi;
    Bias b;
    RowView<S> alpha;
    void carve(Carver<S>& c, const char* name, Index dim, Index n, Index rows, Index cols, const Start& start) {
      const auto within = [&](const char* prefix, auto&& list) { c.within(prefix, [&] { c.within(name, list); }); };
      within(".phi_", [&] { c("", phi, n * dim, rows * cols, starts::zeros().decaying()); });
      within(".alpha_", [&] { c("", alpha, rows * cols > 0 ? 1 : 0, starts::at(0.01)); });
      within(".b_", [&] { c("", b, rows, cols, start); });
    }
  };
  struct Params {
    Logits<RowView<S>> pre, post;
    Logits<typename Mixing::template Bias<S>> res;
    void carve(Carver<S>& c, ParamListing<S>&, const ManifoldMixing& m, Index dim, Index n, Site k) {
      const Start own{[](Index, Index col, double read) { return col == Index(read) ? 4.0 : -4.0; },
                      double(k.number() % n)};
      pre.carve(c, "pre", dim, n, 1, n, own);
      post.carve(c, "post", dim, n, 1, n, starts::zeros());
      res.carve(c, "res", dim, n, m.mixing.rows(n), m.mixing.cols(n), m.mixing.start());
    }
  };
  struct Tape {
    TokensView<S> m;
    ColumnView<S> r;
    void carve(Carver<S>& c, TapeListing<S>& list, const ManifoldMixing& w, Index, Index n) {
      c("", m, list.kept_tokens(), w.logits(n));
      c("", r, list.kept_tokens());
    }
  };

  void numbers(const Params& p, Tape& t, Sublayers<S>& f, Index n, In<S> h, Out<S> a, Out<S> b) const {
    using std::sqrt;
    const auto& pass = f.pass();
    const Index tokens = f.tokens(), dim = f.dim(), width = logits(n);
    auto m = pass.workspace.temp(tokens, width), l = pass.workspace.temp(tokens, width);
    for (Index i = 0; i < n; ++i) {
      const auto write = i == 0 ? Write::overwrite : Write::add;
      each_part(p, [&](Index begin, const auto& part) {
        product<S>(pass.executor, h.rows_from(i * tokens, tokens), phi_of(part, i, dim),
                   Out<S>(m).cols_from(begin, part.phi.cols()), write);
      });
    }
    parallel_ranges(pass.executor, tokens, row_grain(n * dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        S square = S(0), *mi = m.data() + i * width;
        for (Index s = 0; s < n; ++s) square += row_dot(h.row_data(s * tokens + i), h.row_data(s * tokens + i), dim);
        const S r = S(1) / sqrt(square / S(n * dim) + epsilon);
        for (Index j = 0; j < width; ++j) mi[j] *= r;
        if (pass.keep) t.r[i] = r;
        S *li = l.data() + i * width, *ai = a.row_data(i), *bi = b.row_data(i);
        logits_of(p, mi, li);
        for (Index s = 0; s < n; ++s) {
          ai[s * (1 + n)] = logistic(li[s]);
          bi[s] = S(2) * logistic(li[n + s]);
        }
        mixing.mix(li + 2 * n, MixMatrix<S>{ai, n});
      }
    });
    f.keep(m, t.m);
  }

  void pull(const Params& p, const Tape& t, Sublayers<S>& f, Index n, In<S> h, Out<S> da, Out<S> db, StreamArray<S>& dh,
            Params& g) const {
    const auto& pass = f.pass();
    const Index tokens = f.tokens(), dim = f.dim(), width = logits(n);
    auto l = pass.workspace.temp(tokens, width), dl = pass.workspace.temp(tokens, width);
    const Index block = row_block(pass.executor, tokens);
    auto room = pass.workspace.temp(block, mixing.room(n));
    for_row_blocks(tokens, block, [&](Index first, Index count) {
      parallel_ranges(pass.executor, count, row_grain(n * n * n), [&](Index begin, Index end) {
        for (Index i = first + begin; i < first + end; ++i) {
          S *li = l.data() + i * width, *dli = dl.data() + i * width, *dai = da.row_data(i), *dbi = db.row_data(i);
          logits_of(p, t.m.data() + i * width, li);
          for (Index s = 0; s < n; ++s) {
            const S pre = logistic(li[s]), post = logistic(li[n + s]);
            dli[s] = dai[s * (1 + n)] * pre * (S(1) - pre);
            dli[n + s] = S(2) * dbi[s] * post * (S(1) - post);
          }
          S* own = room.data() + (i - first) * mixing.room(n);
          mixing.pull(li + 2 * n, MixMatrix<S>{dai, n}, dli + 2 * n, own);
        }
      });
    });
    each_part(p, g, [&](Index begin, const auto& part, auto& gradient) {
      const Out<S> own = Out<S>(dl).cols_from(begin, part.phi.cols());
      if (own.cols() == 0) return;
      add_column_sums<S>(pass.executor, own, gradient.b.data());
      gradient.alpha[0] += f.dot(own, In<S>(t.m).cols_from(begin, own.cols()));
      f.to(own) *= part.alpha[0];  // dm
    });
    parallel_ranges(pass.executor, tokens, row_grain(n * dim), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        S* dmi = dl.data() + i * width;
        const S r = t.r[i], back = -r * r * row_dot(t.m.data() + i * width, dmi, width) / S(n * dim);
        for (Index j = 0; j < width; ++j) dmi[j] *= r;
        for (Index s = 0; s < n; ++s) {
          S* to = Out<S>(dh[s]).row_data(i);
          const S* from = h.row_data(s * tokens + i);
          each_pack<S>(dim, [&](Index j, auto count) {
            fma(Pack<S>(back), Pack<S>::load(from + j, count), Pack<S>::load(to + j, count)).store(to + j, count);
          });
        }
      }
    });
    for (Index i = 0; i < n; ++i) {
      each_part(p, g, [&](Index begin, const auto& part, auto& gradient) {
        const In<S> own = In<S>(dl).cols_from(begin, part.phi.cols());
        if (own.cols() == 0) return;
        product<S>(pass.executor, transposed<S>(h.rows_from(i * tokens, tokens)), own,
                   Out<S>(gradient.phi).rows_from(i * dim, dim), Write::add);
        product<S>(pass.executor, own, transposed<S>(phi_of(part, i, dim)), dh[i], Write::add);
      });
    }
  }

 private:
  Index logits(Index n) const { return 2 * n + mixing.rows(n) * mixing.cols(n); }
  static In<S> phi_of(const auto& part, Index stream, Index dim) {
    return In<S>(part.phi).rows_from(stream * dim, dim);
  }
  /// visit(where its logits begin in a row, part) for each of the three.
  template <class Visit>
  static void each_part(const Params& p, Visit&& visit) {
    const Index n = p.pre.phi.cols();
    visit(Index(0), p.pre);
    visit(n, p.post);
    visit(2 * n, p.res);
  }
  /// visit(where its logits begin in a row, part, gradient of the part) for each of the three.
  template <class Visit>
  static void each_part(const Params& p, Params& g, Visit&& visit) {
    const Index n = p.pre.phi.cols();
    visit(Index(0), p.pre, g.pre);
    visit(n, p.post, g.post);
    visit(2 * n, p.res, g.res);
  }
  /// l = alpha m + b
  static void logits_of(const Params& p, const S* m, S* l) {
    each_part(p, [&](Index begin, const auto& part) {
      for (Index j = 0; j < part.phi.cols(); ++j) l[begin + j] = part.alpha[0] * m[begin + j] + part.b.data()[j];
    });
  }
};

/// Manifold-constrained hyper-connections (mHC), Xie et al. 2025 (arXiv:2512.24880), with n streams h_1 .. h_n that all start as the
/// embedding. At every sub-layer each token has numbers of its own, which its streams decide (ManifoldMixing):
///
///     u = sum_i pre_i h_i,   o = f(LN(u)),   h'_j = post_j o + sum_i M_ji h_i,   y = LN(sum_j h_j)
///
/// where `Mixing` keeps M near the doubly stochastic matrices: SinkhornMixing, KroneckerMixing or IdentityMixing. At the start the
/// numbers do not depend on the token yet: phi = 0 and alpha = 0.01; sub-layer k, from 0, reads stream k mod n (pre = 0.98) and
/// little of the others (0.02), post = 1, and M is within 0.0004 (n - 1) of I.
template <class S, class Mixing = SinkhornMixing, class Norm = LayerNorm<S>, class LastNorm = LayerNorm<S>>
struct ManifoldHyperConnections : MixedStreams<S, ManifoldMixing<S, Mixing>, Norm, LastNorm> {
  /// With default norms of `dim` features.
  explicit ManifoldHyperConnections(Index dim, Index streams = 4)
      : ManifoldHyperConnections(Norm(dim), LastNorm(dim), streams) {}
  /// With norms and mixing of your choice, and the epsilon under the root of z.
  ManifoldHyperConnections(Norm u, LastNorm last_norm, Index streams, Mixing mixing = {}, S epsilon = S(1e-20))
      : MixedStreams<S, ManifoldMixing<S, Mixing>, Norm, LastNorm>{u, last_norm, streams, {mixing, epsilon}} {}
};

}  // namespace residual
