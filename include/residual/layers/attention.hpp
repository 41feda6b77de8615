#pragma once

#include <limits>

#include "residual/kernel/gemm.hpp"
#include "residual/kernel/rows.hpp"
#include "residual/layers/dropout.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// Throws unless heads divide dim.
inline void expect_heads(const char* who, Index dim, Index heads) {
  expect(dim > 0 && heads > 0, who, ": dim ", dim, ", heads ", heads, ", but both must be greater than 0.");
  expect(dim % heads == 0, who, ": dim ", dim, " is not a multiple of heads ", heads,
         "; each head takes dim / heads columns.");
}

/// Scaled dot-product attention, Vaswani et al. 2017 (arXiv:1706.03762), for each sequence and head:
///
///     s_ij = q_i . k_j / sqrt(d_head) + mask_ij,   p_ij = e^(s_ij - l_i),   l_i = log sum_j e^(s_ij),   o_i = sum_j p_ij v_j
///
/// backward:  dv_j = sum_i p_ij do_i,   ds_ij = p_ij (do_i . v_j - do_i . o_i) / sqrt(d_head),
///            dq_i = sum_j ds_ij k_j,   dk_j = sum_i ds_ij q_i
///
/// in tiles of queries x keys (Dao et al. 2022, arXiv:2205.14135): only l is kept, p is computed again on the way back.
/// A key is visible when it is not hidden by its batch, the mask is not -infinity, and, if causal, it is not after the
/// query, before which come the tokens of earlier steps. A query that sees no key has o = 0 and passes no gradient.
template <class S>
struct Attention {
  Index heads, head_dim;
  bool causal = false;
  double dropout = 0;

  static constexpr Index query_block = 96, key_block = 1024 / sizeof(S);  ///< of a tile

  /// q [queries x d]; k, v [keys x d]; o [queries x d]; l [queries x heads]. Head h is columns h d_head .. (h + 1) d_head.
  /// Sequence i of the pass's batch attends to sequence i of `keys`, a Batch or CachedKeys. The mask is empty or at least
  /// as large as the longest pair of sequences.
  template <class Keys>
  void forward(const Pass<S>& pass, const Keys& keys, In<S> mask, In<S> q, In<S> k, In<S> v, Out<S> o, Out<S> l) const {
    const Index blocks = (pass.batch.longest() + query_block - 1) / query_block;
    run(pass, keys, pass.batch.sequences() * heads * blocks, [&](Index task) {
      const Index block = task % blocks, head = task / blocks % heads, sequence = task / blocks / heads;
      const Index first = block * query_block, length = pass.batch.length(sequence);
      if (first >= length) return;
      const Item item(*this, pass, keys, mask, sequence, head);
      item.forward(first, std::min(query_block, length - first), q, k, v, o, l);
    });
  }

  /// Overwrites dq, dk, dv; q, k, v, o, l as `forward` had and left them.
  void backward(const Pass<S>& pass, const Batch& keys, In<S> mask, In<S> q, In<S> k, In<S> v, In<S> o, In<S> l,
                In<S> d_o, Out<S> dq, Out<S> dk, Out<S> dv) const {
    run(pass, keys, pass.batch.sequences() * heads, [&](Index task) {
      const Item item(*this, pass, keys, mask, task / heads, task % heads);
      item.backward(q, k, v, o, l, d_o, dq, dk, dv);
    });
  }

 private:
  /// A tile of logits or of their gradient, one query a row.
  struct TileMemory {
    static constexpr Index stride = key_block + 64 / sizeof(S);  // no power of two: rows fall into different cache sets
    alignas(64) S entries[std::size_t(query_block * stride)];
    Out<S> window(Index rows, Index cols) { return {entries, rows, cols, stride}; }
  };

  /// One head of one sequence.
  struct Item {
    template <class Keys>
    Item(const Attention& attention, const Pass<S>& pass, const Keys& keys, In<S> mask, Index sequence, Index head)
        : attention_(attention),
          mask_(mask),
          queries_(pass.batch.length(sequence)),
          keys_(keys.length(sequence)),
          earlier_(pass.earlier(sequence)),
          query_begin_(pass.batch.begin(sequence)),
          key_begin_(keys.begin(sequence)),
          head_(head),
          hidden_(keys.hidden(sequence)),
          drop_(attention.dropout, pass, Purpose::attention, std::uint32_t(head)) {
      using std::sqrt;
      scale_ = S(1) / sqrt(S(attention.head_dim));
    }

    void forward(Index first, Index rows, In<S> q, In<S> k, In<S> v, Out<S> o, Out<S> l) const {
      TileMemory memory;
      S highest[query_block], total[query_block];
      std::fill_n(highest, rows, -std::numeric_limits<S>::infinity());
      std::fill_n(total, rows, S(0));
      Out<S> result = queries(o, first, rows);
      result.setZero();
      for (Index j = 0; j < visible_end(first, rows); j += key_block) {
        Out<S> p = memory.window(rows, std::min(key_block, keys_ - j));
        const S scale = logits(first, j, q, k, p);
        for (Index i = 0; i < rows; ++i) {
          const S factor = soften(p.row_data(i), p.cols(), scale, highest[i], total[i]);
          if (factor != S(1)) multiply_row(result.row_data(i), factor);
          drop_(query_begin_ + first + i, j, p.cols(), p.row_data(i));
        }
        add_product(partial(first, rows, j), Factor<S>(p), keys(v, j, p.cols()), result);
      }
      for (Index i = 0; i < rows; ++i) {
        using std::log;
        const bool blind = total[i] == S(0);
        if (!blind) multiply_row(result.row_data(i), S(1) / total[i]);
        l(query_begin_ + first + i, head_) = blind ? std::numeric_limits<S>::infinity() : S(highest[i] + log(total[i]));
      }
    }

    void backward(In<S> q, In<S> k, In<S> v, In<S> o, In<S> l, In<S> d_o, Out<S> dq, Out<S> dk, Out<S> dv) const {
      queries(dq, 0, queries_).setZero();
      keys(dk, 0, keys_).setZero();
      keys(dv, 0, keys_).setZero();
      TileMemory p_memory, ds_memory;
      S delta[query_block];
      for (Index first = 0; first < queries_; first += query_block) {
        const Index rows = std::min(query_block, queries_ - first);
        dots(queries(d_o, first, rows), queries(o, first, rows), delta);
        for (Index j = 0; j < visible_end(first, rows); j += key_block) {
          Out<S> p = p_memory.window(rows, std::min(key_block, keys_ - j)), ds = ds_memory.window(rows, p.cols());
          const bool some_hidden = partial(first, rows, j);
          const S scale = logits(first, j, q, k, p);
          product<S>(Serial::instance(), queries(d_o, first, rows), transposed(keys(v, j, p.cols())), ds);
          for (Index i = 0; i < rows; ++i) {
            const Index row = query_begin_ + first + i;
            drop_(row, j, p.cols(), ds.row_data(i));
            pull_softmax(some_hidden, p.row_data(i), ds.row_data(i), p.cols(), scale, l(row, head_), delta[i]);
            drop_(row, j, p.cols(), p.row_data(i));
          }
          add_product(some_hidden, Factor<S>(p).transpose(), queries(d_o, first, rows), keys(dv, j, p.cols()));
          add_product(some_hidden, Factor<S>(ds).transpose(), queries(q, first, rows), keys(dk, j, p.cols()));
          add_product(some_hidden, Factor<S>(ds), keys(k, j, p.cols()), queries(dq, first, rows));
        }
      }
    }

   private:
    template <class M>
    M queries(M m, Index first, Index count) const {
      return window(m, query_begin_ + first, count);
    }
    template <class M>
    M keys(M m, Index first, Index count) const {
      return window(m, key_begin_ + first, count);
    }
    template <class M>
    M window(M m, Index first, Index count) const {
      return m.rows_from(first, count).cols_from(head_ * attention_.head_dim, attention_.head_dim);
    }

    Index visible_end(Index first, Index rows) const {
      return attention_.causal ? std::min(keys_, earlier_ + first + rows) : keys_;
    }
    /// Whether some key from j on may be hidden from some query of the block.
    bool partial(Index first, Index rows, Index j) const {
      return hidden_ != nullptr || mask_.size() > 0 ||
             (attention_.causal && std::min(j + key_block, keys_) > earlier_ + first + 1 && rows > 0);
    }

    /// Logits to be multiplied by the factor returned: q k^T / sqrt(d_head) + mask, -infinity where a key is not visible.
    S logits(Index first, Index j, In<S> q, In<S> k, Out<S> s) const {
      product<S>(Serial::instance(), queries(q, first, s.rows()), transposed(keys(k, j, s.cols())), s);
      const Pack<S> scale(scale_), blocked(-std::numeric_limits<S>::infinity());
      for (Index i = 0; i < s.rows(); ++i) {
        S* row = s.row_data(i);
        if (mask_.size() > 0) {
          const S* mask = mask_.row_data(earlier_ + first + i) + j;
          each_pack<S>(s.cols(), [&](Index c, auto n) {
            const auto m = Pack<S>::load(mask + c, n);
            if_equal(m, blocked, blocked, Pack<S>::load(row + c, n) * scale + m).store(row + c, n);
          });
        }
        for (Index c = 0; hidden_ != nullptr && c < s.cols(); ++c) {
          if (hidden_[j + c] != 0) row[c] = -std::numeric_limits<S>::infinity();
        }
        for (Index c = earlier_ + first + i + 1 - j; attention_.causal && c < s.cols(); ++c) {
          row[std::max<Index>(c, 0)] = -std::numeric_limits<S>::infinity();
        }
      }
      return mask_.size() > 0 ? S(1) : scale_;
    }

    /// Turns a row of logits s / scale into e^(s - highest), taking `highest` and `total` over from the tiles before;
    /// returns the factor by which what the row has gathered so far must shrink.
    static S soften(S* row, Index size, S scale, S& highest, S& total) {
      using std::exp;
      const S lowest = -std::numeric_limits<S>::infinity();
      const S before = highest;
      highest = std::max(before, row_highest(row, size) * scale);
      const Pack<S> factor(scale), shift(highest == lowest ? S(0) : highest);
      const S gathered = row_sum<S>(size, [&](Index c, auto n) {
        const auto s = Pack<S>::load(row + c, n, lowest);
        auto e = residual::exp_of_negative(rounded(s * factor) - shift);
        if constexpr (Pack<S>::lanes == 1) e = if_equal(s, Pack<S>(lowest), Pack<S>(S(0)), e);  // dual numbers
        e.store(row + c, n);
        return e;
      });
      const S shrink = before == highest ? S(1) : S(exp(before - highest));
      total = total * shrink + gathered;
      return shrink;
    }

    /// p = e^(s - l) and ds = p (dp - delta) / sqrt(d_head) over a row, where p holds s / scale and ds holds dp.
    void pull_softmax(bool some_hidden, S* p, S* ds, Index size, S scale, S l, S delta) const {
      const Pack<S> factor(scale), shift(l), d(delta), slope(scale_), zero(S(0));
      const Pack<S> blocked(-std::numeric_limits<S>::infinity());
      const auto pull = [&](auto hides) {
        each_pack<S>(size, [&](Index c, auto n) {
          const auto s = Pack<S>::load(p + c, n);
          auto e = residual::exp_of_negative(rounded(s * factor) - shift);
          auto de = e * (Pack<S>::load(ds + c, n) - d) * slope;
          if constexpr (hides) {
            e = if_equal(s, blocked, zero, e);
            de = if_equal(e, zero, zero, de);
          }
          e.store(p + c, n);
          de.store(ds + c, n);
        });
      };
      some_hidden ? pull(std::true_type()) : pull(std::false_type());
    }

    /// result_i = a_i . b_i for all rows, each summed as `product` sums: delta is then exactly dp where p is 1, so that
    /// ds is 0 there and not a rounding error.
    void dots(In<S> a, In<S> b, S* result) const {
      constexpr Index group = 8, depth = gemm::Blocks<S>::depth;
      std::fill_n(result, a.rows(), S(0));
      for (Index first = 0; first < a.rows(); first += group) {
        const auto row = [&](In<S> m, Index r) { return m.row_data(std::min(first + r, m.rows() - 1)); };
        for (Index k = 0; k < a.cols(); k += depth) {
          Pack<S> sums[group];
          std::fill_n(sums, group, Pack<S>(S(0)));
          for (Index c = k; c < std::min(k + depth, a.cols()); ++c) {
#pragma GCC unroll 8
            for (Index r = 0; r < group; ++r) sums[r] = fma(Pack<S>(row(a, r)[c]), Pack<S>(row(b, r)[c]), sums[r]);
          }
          for (Index r = 0; r < std::min(group, a.rows() - first); ++r) {
            S part;
            sums[r].store(&part, 1);
            result[first + r] += part;
          }
        }
      }
    }
    void multiply_row(S* row, S factor) const {
      const Pack<S> f(factor);
      each_pack<S>(attention_.head_dim, [&](Index c, auto n) { (Pack<S>::load(row + c, n) * f).store(row + c, n); });
    }

    /// C += A B. With `some_hidden`, a 0 in A hides its row of B even when that row is not finite; the bits of all other
    /// sums are those of `product`.
    static void add_product(bool some_hidden, const Factor<S>& a, In<S> b, Out<S> c) {
      if (!some_hidden || finite(b)) return product<S>(Serial::instance(), a, b, c, Write::add);
      for (Index i = 0; i < c.rows(); ++i) {
        each_pack<S>(c.cols(), [&](Index column, auto n) {
          Pack<S> total(S(0));
          for (Index j = 0; j < b.rows(); ++j) {
            const S factor = *a.at(i, j);
            if (factor != S(0)) total = fma(Pack<S>(factor), Pack<S>::load(b.row_data(j) + column, n), total);
          }
          S* target = c.row_data(i) + column;
          (Pack<S>::load(target, n) + total).store(target, n);
        });
      }
    }
    static bool finite(In<S> m) {
      Pack<S> zero(S(0));
      for (Index i = 0; i < m.rows(); ++i) {
        each_pack<S>(m.cols(), [&](Index j, auto n) {
          const auto x = Pack<S>::load(m.row_data(i) + j, n);
          zero += x - x;
        });
      }
      return sum(zero) == S(0);
    }

    const Attention& attention_;
    In<S> mask_;
    Index queries_, keys_, earlier_, query_begin_, key_begin_, head_;
    const std::uint8_t* hidden_;
    Dropout<S> drop_;
    S scale_;
  };

  /// Spreads the tasks over threads when there is enough to do.
  template <class Keys>
  void run(const Pass<S>& pass, const Keys& keys, Index tasks, Task task) const {
    double work = 0;
    for (Index i = 0; i < keys.sequences(); ++i) work += double(pass.batch.length(i)) * double(keys.length(i));
    const bool worthwhile = work * double(heads * head_dim) > (1 << 17);
    (worthwhile ? pass.executor : Serial::instance()).run(tasks, task);
  }
};

}  // namespace residual
