#pragma once

#include "residual/kernel/exponential.hpp"
#include "residual/wiring/matrices.hpp"
#include "residual/wiring/sublayers.hpp"

namespace residual {

/// The parameters of one read of AttentionOverHistory.
template <class S>
struct HistoryQuery {
  RowView<S> query, gain;  ///< q and the gain of the keys' norm
  void carve(Carver<S>& c, Index dim) {
    c("query", query, dim, starts::zeros());
    c("key_norm.weight", gain, dim, starts::ones());
  }
};

/// What attention reads: the `finished` first matrices of a history with 1 / sqrt(mean(v_i^2) + epsilon) of each row, and
/// behind them, where there is one, a sum that still grows.
template <class S>
struct HistorySources {
  const Matrices<S>& finished;
  const TokensView<S>& rsigma;
  Index finished_count;
  bool grows;
  In<S> growing;  ///< where it grows

  Index count() const { return finished_count + (grows ? 1 : 0); }
  const S* row(Index i, Index token) const {
    return i < finished_count ? finished[i].row_data(token) : growing.row_data(token);
  }
};

/// Every token's attention over its own history: with the keys k_i = gain v_i / sqrt(mean(v_i^2) + epsilon),
///
///     h = sum_i a_i v_i,   a = softmax_i(q . k_i)
///
/// backward, with w = gain q, r_i = 1 / sqrt(mean(v_i^2) + epsilon), da_i = <dh, v_i> and dl_i = a_i (da_i - sum_j a_j da_j):
///
///     dv_i += a_i dh + dl_i r_i (w - v_i r_i^2 <v_i, w> / d),   dw = sum_i dl_i r_i v_i,   dq += gain dw,   dgain += q dw
template <class S>
struct AttentionOverHistory {
  Index dim;
  S epsilon;
  bool operator==(const AttentionOverHistory&) const = default;

  /// 1 / sqrt(mean(v^2) + epsilon).
  S rsigma(const S* v) const {
    using std::sqrt;
    return S(1) / sqrt(row_dot(v, v, dim) / S(dim) + epsilon);
  }
  /// rsigma of every row of v, in column i.
  void note(Sublayers<S>& f, In<S> v, Index i, TokensView<S>& to) const {
    parallel_ranges(f.pass().executor, v.rows(), row_grain(dim), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) to(r, i) = rsigma(v.row_data(r));
    });
  }

  /// h = sum_i a_i v_i, and a goes to `kept` where backward follows.
  void read(Sublayers<S>& f, const HistoryQuery<S>& p, const HistorySources<S>& v, TokensView<S>& kept,
            Out<S> h) const {
    const Index count = v.count();
    auto a = f.pass().workspace.temp(h.rows(), count), w = f.pass().workspace.temp(1, dim);
    w.row(0) = p.query.cwiseProduct(p.gain);
    parallel_ranges(f.pass().executor, h.rows(), row_grain(count * dim), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        S *ar = a.data() + r * count, *hr = h.row_data(r);
        for (Index i = 0; i < count; ++i) ar[i] = rsigma_of(v, i, r) * row_dot(v.row(i, r), w.data(), dim);
        softmax(ar, count);
        each_pack<S>(dim, [&](Index j, auto n) {
          Pack<S> sum = Pack<S>(ar[0]) * Pack<S>::load(v.row(0, r) + j, n);
          for (Index i = 1; i < count; ++i) sum = fma(Pack<S>(ar[i]), Pack<S>::load(v.row(i, r) + j, n), sum);
          sum.store(hr + j, n);
        });
      }
    });
    f.keep(a, kept);
  }

  /// Adds to dv, to dgrowing where a sum grows, and to g.
  void pull(Sublayers<S>& f, const HistoryQuery<S>& p, const HistorySources<S>& v, const TokensView<S>& a, In<S> dh,
            Temps<S>& dv, Out<S> dgrowing, HistoryQuery<S>& g) const {
    const Index count = v.count();
    const auto& executor = f.pass().executor;
    auto& workspace = f.pass().workspace;
    auto w = workspace.temp(1, dim), dl = workspace.temp(dh.rows(), count), dw = workspace.zeros(1, dim);
    w.row(0) = p.query.cwiseProduct(p.gain);
    Out<S> dfinished = dv.all();
    parallel_ranges(executor, dh.rows(), row_grain(count * dim), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const S *ar = a.data() + r * count, *dhr = dh.row_data(r);
        S* dlr = dl.data() + r * count;
        for (Index i = 0; i < count; ++i) dlr[i] = row_dot(dhr, v.row(i, r), dim);
        const S mean = row_dot(ar, dlr, count);
        for (Index i = 0; i < count; ++i) {
          const S* vr = v.row(i, r);
          const S s = rsigma_of(v, i, r), slope = ar[i] * (dlr[i] - mean) * s;
          const Pack<S> weight(ar[i]), of_w(slope), of_v(-slope * s * s * row_dot(vr, w.data(), dim) / S(dim));
          S* dvr = i < v.finished_count ? dfinished.row_data(i * dh.rows() + r) : dgrowing.row_data(r);
          each_pack<S>(dim, [&](Index j, auto n) {
            const auto sum = fma(weight, Pack<S>::load(dhr + j, n), Pack<S>::load(dvr + j, n));
            fma(of_w, Pack<S>::load(w.data() + j, n), fma(of_v, Pack<S>::load(vr + j, n), sum)).store(dvr + j, n);
          });
          dlr[i] = slope;
        }
      }
    });
    const auto dw_of = [&](Index r, Index j, auto n) {
      Pack<S> sum(S(0));
      for (Index i = 0; i < count; ++i) {
        sum = fma(Pack<S>(dl(r, i)), Pack<S>::load(v.row(i, r) + j, n), sum);
      }
      return sum;
    };
    add_column_sums<S>(executor, dh.rows(), dim, dw_of, dw.data());
    g.query += dw.row(0).cwiseProduct(p.gain);
    g.gain += dw.row(0).cwiseProduct(p.query);
  }

 private:
  S rsigma_of(const HistorySources<S>& v, Index i, Index token) const {
    return i < v.finished_count ? v.rsigma(token, i) : rsigma(v.growing.row_data(token));
  }
  static void softmax(S* a, Index count) {
    const Pack<S> most(row_highest(a, count));
    each_pack<S>(count, [&](Index i, auto n) { exp_of_negative(Pack<S>::load(a + i, n) - most).store(a + i, n); });
    const Pack<S> sum(row_sum<S>(count, [&](Index i, auto n) { return Pack<S>::load(a + i, n); }));
    each_pack<S>(count, [&](Index i, auto n) { (Pack<S>::load(a + i, n) / sum).store(a + i, n); });
  }
};

}  // namespace residual
