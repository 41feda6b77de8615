#pragma once

#include "residual/layers/attention/maps.hpp"

namespace residual {

/// Value residual, Zhou et al. 2024 (arXiv:2410.17897): the values of every block but the first are mixed with those of the
/// first,
///
///     v_b = share v_1 + (1 - share) v_b
///
/// A map of SelfAttention in a stack: SelfAttentionWith<S, ValueResidual<S>>. Alone, a layer is a first block.
template <class S>
struct ValueResidual {
  using Scalar = S;
  double share = 0.5;  ///< of the first block's values, 0 to 1; 0: none
  bool operator==(const ValueResidual&) const = default;
  void check(const Heads&) const {
    expect(share >= 0 && share <= 1, "ValueResidual: share is ", share, ", but it must lie between 0 and 1.");
  }

  struct Params {
    void carve(Carver<S>&, const ValueResidual&) {}
  };
  /// The first block's values, and in training their gradient from all other blocks, both [tokens x kv_width].
  struct Channel {
    TokensView<S> first, dfirst;
    void carve(Carver<S>& c, const ValueResidual&, const Pass<S>& pass, const Heads& heads) {
      c("first", first, pass.tokens(), heads.kv_width());
      c("dfirst", dfirst, pass.kept_tokens(), heads.kv_width());
    }
    void clear() { dfirst.setZero(); }
  };
  struct Tape {
    Out<S> first, dfirst;
    bool joined = false;
    void carve(Carver<S>&, const ValueResidual&, const Pass<S>&, const Heads&) {}
    void join(Channel& channel) {
      first.show(channel.first);
      dfirst.show(channel.dfirst);
      joined = true;
    }
  };

  void forward(const Params&, Tape& t, const Pass<S>& pass, const Heads&, const QKV<Out<S>>& x) const {
    if (alone(t, pass)) return;
    Out<S> v = x.v, first = t.first;
    each_range(pass, v, [&](Index begin, Index rows) {
      if (pass.block == 0) {
        first.middleRows(begin, rows) = v.middleRows(begin, rows);
      } else {
        v.middleRows(begin, rows) = S(share) * first.middleRows(begin, rows) + S(1 - share) * v.middleRows(begin, rows);
      }
    });
  }
  void backward(const Params&, const Tape& t, const Pass<S>& pass, const Heads&, const QKV<Out<S>>& dx, Params&) const {
    if (alone(t, pass)) return;
    Out<S> dv = dx.v, dfirst = t.dfirst;
    each_range(pass, dv, [&](Index begin, Index rows) {
      if (pass.block == 0) {
        dv.middleRows(begin, rows) += dfirst.middleRows(begin, rows);
      } else {
        dfirst.middleRows(begin, rows) += S(share) * dv.middleRows(begin, rows);
        dv.middleRows(begin, rows) *= S(1 - share);
      }
    });
  }

 private:
  static bool alone(const Tape& t, const Pass<S>& pass) {
    expect(t.joined || pass.block == 0, "ValueResidual: block ", pass.block,
           " reads the values of block 0, but its tape was made without a stack; use the layer in a Stack.");
    return !t.joined;
  }
  template <class F>
  static void each_range(const Pass<S>& pass, In<S> v, F&& f) {
    parallel_ranges(pass.executor, v.rows(), row_grain(v.cols()),
                    [&](Index begin, Index end) { f(begin, end - begin); });
  }
};

}  // namespace residual
