#pragma once

#include "residual/kernel/gemm.hpp"
#include "residual/layers/attention/key_panels.hpp"
#include "residual/layers/attention/mask.hpp"
#include "residual/layers/attention/online_softmax.hpp"
#include "residual/layers/attention/reach.hpp"
#include "residual/layers/attention/scores.hpp"

namespace residual {

/// The logits of one head of one sequence: q . k through `Scores`, a mask, and what each query may see.
template <class S>
class HeadLogits {
 public:
  static constexpr Index block = KeyPanels<S>::block;      ///< keys that are computed together
  static constexpr Index most_unseen = row_period<S> - 1;  ///< keys read in front of those that a block's queries see

  /// Of the queries in that sequence; `attention` has heads, reach and scores.
  template <class A, class Keys>
  HeadLogits(const A& attention, const Pass<S>& pass, const Keys& all_keys, const Mask<S>& mask, Index sequence,
             Index head)
      : reach_(attention.reach),
        keys_(all_keys.length(sequence)),
        earlier_(pass.earlier(sequence)),
        hidden_(offset(all_keys.hidden_rows(), all_keys.begin(sequence))),
        cap_(S(attention.scores.softcap)),
        alibi_(attention.scores.alibi ? S(alibi_slope(head, attention.heads.heads)) : S(0)) {
    using std::sqrt;
    const double width = attention.scores.width;
    scale_ = S(1) / sqrt(width > 0 ? S(width) : S(attention.heads.head_dim));
    if (mask.size() > 0) mask_.show(mask.of(sequence, pass.batch.sequences(), head, attention.heads.heads));
  }

  /// What q . k is multiplied by.
  S scale() const { return scale_; }
  /// Whether a window moves with the query.
  bool windowed() const { return reach_.window > 0; }
  /// Whether `pull_cap` has something to do.
  bool capped() const { return cap_ > S(0); }

  /// visit(j, count) for the blocks of keys that some query of first .. first + rows may see. They begin at multiples of
  /// `block`, so that a row's sums do not depend on the rows beside it; what none of them sees at either end is left out.
  template <class Visit>
  void each_key_block(Index first, Index rows, Visit&& visit) const {
    const auto [begin, end] = seen_by(first, rows);
    for (Index j = begin, next; j < end; j = next) {
      next = std::min((j / block + 1) * block, end);
      visit(j, next - j);
    }
  }
  /// Where the keys begin and end that some query of first .. first + rows may see, and a few in front and behind with which
  /// a row's sum has the same parts whatever the rows beside it see.
  RESIDUAL_NOINLINE std::pair<Index, Index> seen_by(Index first, Index rows) const {
    constexpr Index lanes = Pack<S>::lanes;
    const Index place = earlier_ + first, begin = reach_.begin(place), end = reach_.end(place + rows - 1, keys_);
    return {begin / block * block + begin % block / row_period<S> * row_period<S>,
            std::min(keys_, (end + lanes - 1) / lanes * lanes)};
  }

  /// s = the logits of the queries first, ..., which are the rows of q, and the keys j, ..., where kt is K^T of these, in units
  /// of `exp_unit` once multiplied by the factor returned; -infinity where a key is not visible.
  S compute(In<S> q, Index first, Index j, const Factor<S>& kt, Out<S> s) const {
    product<S>(Serial::instance(), q, kt, s);
    const S unit = scale_ * exp_unit<S>();
    const bool scaled = mask_.size() > 0 || cap_ > S(0) || alibi_ > S(0);
    if (!scaled && hidden_ == nullptr && reach_.begin(earlier_ + first + s.rows() - 1) <= j &&
        reach_.end(earlier_ + first, keys_) >= j + s.cols()) {
      return unit;  // all of them are visible
    }
    for (Index i = 0; i < s.rows(); ++i) {
      const Index place = earlier_ + first + i;
      S* row = s.row_data(i);
      if (scaled && unit > S(1)) keep_finite(row, s.cols(), unit);
      if (scaled) finish_row(row, s.cols(), place, j);
      for (Index c = 0; hidden_ != nullptr && c < s.cols(); ++c) {
        if (hidden_[j + c] != 0) row[c] = -std::numeric_limits<S>::infinity();
      }
      const Index begin = std::clamp<Index>(reach_.begin(place) - j, 0, s.cols()),
                  end = std::clamp<Index>(reach_.end(place, keys_) - j, 0, s.cols());
      std::fill(row, row + begin, -std::numeric_limits<S>::infinity());
      std::fill(row + end, row + s.cols(), -std::numeric_limits<S>::infinity());
    }
    return scaled ? S(1) : unit;
  }
  /// ds *= 1 - tanh^2(scale q . k / cap), where p is free.
  void pull_cap(In<S> q, const Factor<S>& kt, Out<S> p, Out<S> ds) const {
    product<S>(Serial::instance(), q, kt, p);
    const Pack<S> scale(scale_), zero(S(0));
    for (Index i = 0; i < p.rows(); ++i) {
      each_pack<S>(p.cols(), [&](Index c, auto n) {
        const auto d = Pack<S>::load(ds.row_data(i) + c, n);
        const auto slope = soft_cap_slope(Pack<S>::load(p.row_data(i) + c, n) * scale, cap_);
        if_equal(d, zero, zero, d * slope).store(ds.row_data(i) + c, n);
      });
    }
  }

 private:
  /// s = cap(scale q . k) - slope |distance| + mask over a row of q . k, in units of `exp_unit`: with a mask of zeros the bits
  /// are those without one.
  void finish_row(S* row, Index size, Index place, Index j) const {
    const S unit = exp_unit<S>(), slope = alibi_ * unit;
    const Pack<S> scale(scale_), in_units(unit), factor(scale_ * unit), blocked(-std::numeric_limits<S>::infinity());
    const Pack<S> least(std::numeric_limits<S>::lowest()), most(std::numeric_limits<S>::max()),
        infinite(std::numeric_limits<S>::infinity());
    const bool capped = cap_ > S(0), masked = mask_.size() > 0;
    const S* mask = masked ? mask_.row_data(place) + j : nullptr;
    each_pack<S>(size, [&](Index c, auto n) {
      auto s = Pack<S>::load(row + c, n);
      s = rounded(capped ? soft_capped(s * scale, cap_) * in_units : s * factor);
      if (masked) {
        const auto m = Pack<S>::load(mask + c, n);
        // The sum of numbers stays a number; that of infinity does not become one.
        const auto sum = fma(m, in_units, s), finite = higher_of(lower_of(sum, most), least);
        s = if_equal(m, blocked, blocked, if_equal(higher_of(m, s), infinite, sum, finite));
      }
      s.store(row + c, n);
    });
    for (Index c = 0; slope > S(0) && c < size; ++c) row[c] -= slope * S(std::abs(place - j - c));
  }

  Reach reach_;
  Index keys_, earlier_;
  const std::uint8_t* hidden_;  ///< of each key, or nullptr: none is hidden
  S cap_, alibi_, scale_;
  In<S> mask_ = {};
};

}  // namespace residual
