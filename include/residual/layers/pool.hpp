#pragma once

#include "residual/kernel/rows.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// A function from the rows of each sequence to one row: forward and backward as those of a layer, but y and dy are
/// [sequences x dim]. It says so by `static constexpr bool pools = true`.
template <class P>
concept PoolingLayer = Component<P> &&
    requires(const P& pool, const typename P::Params& p, typename P::Params& g, typename P::Tape& t,
             const typename P::Tape& kept, const Pass<typename P::Scalar>& pass, Carver<typename P::Scalar>& carver,
             In<typename P::Scalar> in, Out<typename P::Scalar> out) {
  requires P::pools;
  t.carve(carver, pool, pass);
  pool.forward(p, t, pass, in, out);
  pool.backward(p, kept, pass, in, in, out, g);
};

/// Which tokens of a sequence a Pool takes; none of them hidden.
enum class Pooling {
  mean,   ///< all
  first,  ///< the first: BERT's [CLS]
  last,   ///< the last: that of a causal stack which has seen all others
};

/// One row a sequence, the mean of the n tokens taken from it:
///
///     y_s = (1/n) sum_i x_i;      backward:  dx_i += dy_s / n
///
/// Hidden tokens are not taken. A sequence without a token to take gives zeros and passes no gradient.
template <class S>
struct Pool {
  using Scalar = S;
  static constexpr bool pools = true;
  Index dim;                     ///< features of a token, of x and of y
  Pooling take = Pooling::mean;  ///< the tokens whose mean it is
  bool operator==(const Pool&) const = default;
  void check() const {
    expect(dim > 0, "Pool: dim is ", dim, ", but a row must have 1 feature or more.");
    expect_known("Pool: take", take, Pooling::last, "Pooling::mean");
  }

  struct Params {
    void carve(Carver<S>&, const Pool&) {}
  };
  struct Tape {
    void carve(Carver<S>&, const Pool&, const Pass<S>&) {}
  };

  void forward(const Params&, Tape&, const Pass<S>& pass, In<S> x, Out<S> y) const {
    expect_shape("Pool: x", x, pass.tokens(), dim);
    expect_rows("y", y, pass.batch);
    each_sequence(pass, [&](Index s, const Taken& taken) {
      S* ys = y.row_data(s);
      std::fill_n(ys, dim, S(0));
      taken.each(pass.batch, s, [&](Index i) { add(x.row_data(i), S(1), ys); });
      const Pack<S> share(taken.share());
      each_pack<S>(dim, [&](Index j, auto n) { (Pack<S>::load(ys + j, n) * share).store(ys + j, n); });
    });
  }
  void backward(const Params&, const Tape&, const Pass<S>& pass, In<S>, In<S> dy, Out<S> dx, Params&) const {
    expect_rows("dy", dy, pass.batch);
    expect_shape("Pool: dx", dx, pass.tokens(), dim);
    each_sequence(pass, [&](Index s, const Taken& taken) {
      taken.each(pass.batch, s, [&](Index i) { add(dy.row_data(s), taken.share(), dx.row_data(i)); });
    });
  }

 private:
  /// The tokens begin .. end of a sequence, of which `count` are not hidden.
  struct Taken {
    Index begin = 0, end = 0, count = 0;

    S share() const { return S(1) / S(std::max<Index>(count, 1)); }
    /// visit(row) for each that is not hidden.
    template <class Visit>
    void each(const Batch& batch, Index s, Visit&& visit) const {
      for (Index i = begin; i < end; ++i) {
        if (!hides(batch, s, i)) visit(batch.begin(s) + i);
      }
    }
  };
  static bool hides(const Batch& batch, Index s, Index i) { return batch.hides() && batch.hidden(s)[i] != 0; }

  Taken taken_of(const Batch& batch, Index s) const {
    Taken all;
    for (Index i = 0; i < batch.length(s); ++i) {
      if (hides(batch, s, i)) continue;
      if (all.count++ == 0) all.begin = i;
      all.end = i + 1;
    }
    if (take == Pooling::mean || all.count == 0) return all;
    return take == Pooling::first ? Taken{all.begin, all.begin + 1, 1} : Taken{all.end - 1, all.end, 1};
  }
  template <class Visit>
  void each_sequence(const Pass<S>& pass, Visit&& visit) const {
    const Index sequences = pass.batch.sequences(), length = pass.tokens() / std::max<Index>(sequences, 1);
    parallel_ranges(pass.executor, sequences, row_grain(dim * length), [&](Index begin, Index end) {
      for (Index s = begin; s < end; ++s) visit(s, taken_of(pass.batch, s));
    });
  }
  void add(const S* from, S factor, S* to) const {
    const Pack<S> a(factor);
    each_pack<S>(dim, [&](Index j, auto n) {
      (Pack<S>::load(to + j, n) + rounded(Pack<S>::load(from + j, n) * a)).store(to + j, n);
    });
  }
  template <class M>
  void expect_rows(const char* name, const M& m, const Batch& batch) const {
    expect(m.rows() == batch.sequences() && m.cols() == dim, "Pool: ", name, " is [", m.rows(), " x ", m.cols(),
           "], but [", batch.sequences(), " x ", dim, "] is needed: one row a sequence, one column a feature.");
  }
};

}  // namespace residual
