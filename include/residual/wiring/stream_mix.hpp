#pragma once

#include "residual/kernel/rows.hpp"

namespace residual {

/// How n streams are read and written at a sub-layer, with numbers that each token has of its own:
///
///     u = sum_i a_i0 h_i,   h'_j = b_j o + sum_i a_ij h_i
///
/// i from 1 to n. The streams lie one below the other, [n tokens x dim]; a row of `a` is a token's matrix [n x (1 + n)], row by
/// row, and a row of `b` its b_1 .. b_n.
template <class S>
class StreamMix {
 public:
  /// Its windows must outlive it.
  StreamMix(const Executor& executor, Index n, In<S> a, In<S> b) : executor_(executor), n_(n), a_(a), b_(b) {}

  /// u = sum_i a_i0 h_i
  void read(In<S> h, Out<S> u) const {
    each_row(u, [&](Index r) {
      const S* a = a_.row_data(r);
      each_pack<S>(u.cols(), [&](Index c, auto count) {
        Pack<S> sum(S(0));
        for (Index i = 0; i < n_; ++i) sum = fma(Pack<S>(a[from(i)]), load(h, i, r, c, count), sum);
        sum.store(u.row_data(r) + c, count);
      });
    });
  }
  /// h'_j = b_j o + sum_i a_ij h_i; h' must not overlap h.
  void write(In<S> h, In<S> o, Out<S> next) const {
    each_row(o, [&](Index r) {
      const S *a = a_.row_data(r), *b = b_.row_data(r);
      each_pack<S>(o.cols(), [&](Index c, auto count) {
        const auto branch = Pack<S>::load(o.row_data(r) + c, count);
        for (Index j = 0; j < n_; ++j) {
          Pack<S> sum = Pack<S>(b[j]) * branch;
          for (Index i = 0; i < n_; ++i) sum = fma(Pack<S>(a[to(i, j)]), load(h, i, r, c, count), sum);
          sum.store(next.row_data(place(j, r)) + c, count);
        }
      });
    });
  }

  /// do = sum_j b_j dh'_j
  void pull_branch(In<S> dnext, Out<S> d_o) const {
    each_row(d_o, [&](Index r) {
      const S* b = b_.row_data(r);
      each_pack<S>(d_o.cols(), [&](Index c, auto count) {
        Pack<S> sum(S(0));
        for (Index j = 0; j < n_; ++j) sum = fma(Pack<S>(b[j]), load(dnext, j, r, c, count), sum);
        sum.store(d_o.row_data(r) + c, count);
      });
    });
  }
  /// dh_i = a_i0 du + sum_j a_ij dh'_j; dh must not overlap dh'.
  void pull_streams(In<S> du, In<S> dnext, Out<S> dh) const {
    each_row(du, [&](Index r) {
      const S* a = a_.row_data(r);
      each_pack<S>(du.cols(), [&](Index c, auto count) {
        const auto read = Pack<S>::load(du.row_data(r) + c, count);
        for (Index i = 0; i < n_; ++i) {
          Pack<S> sum = Pack<S>(a[from(i)]) * read;
          for (Index j = 0; j < n_; ++j) sum = fma(Pack<S>(a[to(i, j)]), load(dnext, j, r, c, count), sum);
          sum.store(dh.row_data(place(i, r)) + c, count);
        }
      });
    });
  }
  /// da_i0 = <du, h_i>,   da_ij = <dh'_j, h_i>,   db_j = <dh'_j, o>
  void pull_numbers(In<S> h, In<S> o, In<S> du, In<S> dnext, Out<S> da, Out<S> db) const {
    const Index dim = o.cols();
    each_row(o, [&](Index r) {
      S *dar = da.row_data(r), *dbr = db.row_data(r);
      for (Index i = 0; i < n_; ++i) {
        const S *hi = h.row_data(place(i, r)), *di = dnext.row_data(place(i, r));
        dar[from(i)] = row_dot(du.row_data(r), hi, dim);
        for (Index j = 0; j < n_; ++j) dar[to(i, j)] = row_dot(dnext.row_data(place(j, r)), hi, dim);
        dbr[i] = row_dot(di, o.row_data(r), dim);
      }
    });
  }

  /// Where a row of `a` has a_i0 and a_ij, i and j from 0.
  Index from(Index i) const { return i * (1 + n_); }
  Index to(Index i, Index j) const { return i * (1 + n_) + 1 + j; }

 private:
  Index place(Index stream, Index token) const { return stream * a_.rows() + token; }
  template <class N>
  Pack<S> load(In<S> h, Index stream, Index token, Index col, N count) const {
    return Pack<S>::load(h.row_data(place(stream, token)) + col, count);
  }
  template <class F>
  void each_row(In<S> like, F&& f) const {
    parallel_ranges(executor_, like.rows(), row_grain(n_ * n_ * like.cols()), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) f(r);
    });
  }

  const Executor& executor_;
  Index n_;
  In<S> a_, b_;
};

}  // namespace residual
