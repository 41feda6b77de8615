#pragma once

#include <memory>

#include "residual/kernel/rows.hpp"
#include "residual/layers/attention/maps.hpp"
#include "residual/layers/attention/rope_scaling.hpp"

namespace residual {

/// Which entries of a head are turned together.
enum class RotaryLayout {
  half,         ///< i and i + width / 2: Hugging Face's LLaMA, GPT-NeoX
  interleaved,  ///< 2i and 2i + 1: Meta's LLaMA files, GPT-J
};

/// Rotary positions (RoPE), Su et al. 2021 (arXiv:2104.09864): at position t pair i of a head's first `width` entries turns
/// by the angle t theta^(-2i / width),
///
///     a' = a cos - b sin,   b' = b cos + a sin;      backward turns the other way
///
/// so that q . k depends on the difference of positions alone.
template <class S>
class Rotary {
 public:
  using Scalar = S;
  struct Options {
    double theta = 10000;                      ///< the base of the angles: the larger, the slower the last pairs turn
    RotaryLayout layout = RotaryLayout::half;  ///< which entries are a pair
    RopeScaling scaling = {};                  ///< of the angles, for sequences longer than those of training
    Index longest = 2048;  ///< positions below are looked up in a table, others computed for every token
    bool operator==(const Options&) const = default;
  };

  /// Turns `width` entries of each head; throws when it is odd or an option cannot be.
  explicit Rotary(Index width, const Options& options = {}) : width_(width), options_(options) {
    expect(width > 0 && width % 2 == 0, "Rotary: width is ", width,
           ", but it must be even and greater than 0, since entries turn in pairs.");
    expect(std::isfinite(options.theta) && options.theta > 0, "Rotary: theta is ", options.theta,
           ", but it must be greater than 0, such as 10000.");
    expect(options.scaling.rule != RopeScaling::Rule::yarn || options.theta > 1, "Rotary: theta is ", options.theta,
           ", but the rule yarn needs more than 1.");
    expect(options.scaling.rule != RopeScaling::Rule::ntk || width > 2, "Rotary: width is ", width,
           ", but the rule ntk needs more than 2.");
    expect_known("Rotary: layout", options.layout, RotaryLayout::interleaved, "RotaryLayout::half");
    expect(options.longest >= 0, "Rotary: longest is ", options.longest, ", but it must be 0 or more.");
    options.scaling.check();
    expect(is_finite(S(options.scaling.amplitude())), "Rotary: scaling.attention_factor is ",
           options.scaling.attention_factor, ", but cos and sin times it must be numbers; give one nearer to 1.");
    auto table = std::make_shared<Table>();
    table->frequencies = options.scaling.template frequencies<T>(width, options.theta);
    for (const T& frequency : table->frequencies) {
      expect(is_finite(frequency * T(std::numeric_limits<Index>::max())), "Rotary: theta is ", options.theta,
             ", but then an angle, position theta^(-2i / ", width,
             "), may be more than the scalar holds; give a larger theta, such as 10000.");
    }
    table->turns.resize(options.longest, width);
    for (Index t = 0; t < options.longest; ++t) {
      S* turns = table->turns.row(t).data();
      turns_at(table->frequencies, t, 0, width / 2, turns, turns + width / 2);
    }
    table_ = std::move(table);
  }
  Index width() const { return width_; }
  const Options& options() const { return options_; }
  bool operator==(const Rotary& o) const { return width_ == o.width_ && options_ == o.options_; }
  void check(const Heads& heads) const {
    expect(width_ <= heads.head_dim, "Rotary: it turns ", counted(width_, "entry", "entries"),
           " of a head, but a head has ", heads.head_dim, "; make it no wider.");
  }

  struct Params {
    void carve(Carver<S>&, const Rotary&) {}
  };
  struct Tape {
    void carve(Carver<S>&, const Rotary&, const Pass<S>&, const Heads&) {}
  };

  void forward(const Params&, Tape&, const Pass<S>& pass, const Heads& heads, const QKV<Out<S>>& x) const {
    turn(pass, heads, x.q, x.k, S(1));
  }
  void backward(const Params&, const Tape&, const Pass<S>& pass, const Heads& heads, const QKV<Out<S>>& dx,
                Params&) const {
    turn(pass, heads, dx.q, dx.k, S(-1));
  }

 private:
  /// What angles are computed in.
  using T = Wider<S>;
  struct Table {
    std::vector<T> frequencies;
    Tokens<S> turns;  ///< [longest x width]: the cosines, then the sines
  };

  static constexpr Index most_pairs = 128;  ///< that are computed at once

  /// The cosines and sines of the pairs first .. first + count at position t.
  void turns_at(const std::vector<T>& frequencies, Index t, Index first, Index count, S* cosines, S* sines) const {
    using std::cos;
    using std::sin;
    const T amplitude = T(options_.scaling.amplitude());
    for (Index i = 0; i < count; ++i) {
      const T angle = T(t) * frequencies[std::size_t(first + i)];
      cosines[i] = S(amplitude * cos(angle));
      sines[i] = S(amplitude * sin(angle));
    }
  }
  void turn(const Pass<S>& pass, const Heads& heads, Out<S> q, Out<S> k, S sign) const {
    parallel_ranges(pass.executor, q.rows(), row_grain(q.cols() + k.cols()), [&](Index begin, Index end) {
      S cosines[most_pairs], sines[most_pairs];
      Index sequence = 0;
      for (Index row = begin; row < end; ++row) {
        while (row >= pass.batch.begin(sequence) + pass.batch.length(sequence)) ++sequence;
        const Index t = pass.position(sequence, row - pass.batch.begin(sequence));
        const auto turn_heads = [&](Index first, Index count, const S* c, const S* s) {
          for (Index h = 0; h < heads.heads; ++h) turn(q.row_data(row) + h * heads.head_dim, first, count, c, s, sign);
          for (Index h = 0; h < heads.kv_heads; ++h)
            turn(k.row_data(row) + h * heads.head_dim, first, count, c, s, sign);
        };
        const Index half = width_ / 2;
        if (t < options_.longest) {
          const S* turns = table_->turns.data() + t * width_;
          turn_heads(0, half, turns, turns + half);
        } else {
          for (Index first = 0; first < half; first += most_pairs) {
            const Index count = std::min(most_pairs, half - first);
            turns_at(table_->frequencies, t, first, count, cosines, sines);
            turn_heads(first, count, cosines, sines);
          }
        }
      }
    });
  }
  /// Turns the pairs first .. first + count of a head x.
  void turn(S* x, Index first, Index count, const S* c, const S* s, S sign) const {
    if (options_.layout == RotaryLayout::half) {
      const Pack<S> g(sign);
      S *first_half = x + first, *second_half = first_half + width_ / 2;
      each_pack<S>(count, [&](Index i, auto n) {
        const auto a = Pack<S>::load(first_half + i, n), b = Pack<S>::load(second_half + i, n);
        const auto cosine = Pack<S>::load(c + i, n), sine = Pack<S>::load(s + i, n) * g;
        (a * cosine - b * sine).store(first_half + i, n);
        (b * cosine + a * sine).store(second_half + i, n);
      });
    } else {
      x += 2 * first;
      for (Index i = 0; i < count; ++i) {
        const S a = x[2 * i], b = x[2 * i + 1], sine = sign * s[i];
        x[2 * i] = a * c[i] - b * sine;
        x[2 * i + 1] = b * c[i] + a * sine;
      }
    }
  }

  Index width_;
  Options options_;
  std::shared_ptr<const Table> table_;
};

}  // namespace residual
