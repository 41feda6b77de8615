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
    double theta = 10000;
    RotaryLayout layout = RotaryLayout::half;
    RopeScaling scaling = {};
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
    expect(options.longest >= 0, "Rotary: longest is ", options.longest, ", but it must be 0 or more.");
    options.scaling.check();
    auto table = std::make_shared<Table>();
    table->frequencies = options.scaling.template frequencies<T>(width, options.theta);
    table->turns.resize(options.longest, width);
    for (Index t = 0; t < options.longest; ++t) turns_at(table->frequencies, t, table->turns.row(t).data());
    table_ = std::move(table);
  }
  Index width() const { return width_; }
  const Options& options() const { return options_; }
  bool operator==(const Rotary& o) const { return width_ == o.width_ && options_ == o.options_; }
  void check(const Heads& heads) const {
    expect(width_ <= heads.head_dim, "Rotary: it turns ", width_, " entries of a head, but a head has ", heads.head_dim,
           "; make it no wider.");
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

  /// The cosines and sines at position t.
  void turns_at(const std::vector<T>& frequencies, Index t, S* turns) const {
    using std::cos;
    using std::sin;
    const T amplitude = T(options_.scaling.amplitude());
    for (Index i = 0; i < width_ / 2; ++i) {
      const T angle = T(t) * frequencies[std::size_t(i)];
      turns[i] = S(amplitude * cos(angle));
      turns[i + width_ / 2] = S(amplitude * sin(angle));
    }
  }
  void turn(const Pass<S>& pass, const Heads& heads, Out<S> q, Out<S> k, S sign) const {
    auto computed = pass.workspace.temp(far_positions(pass) ? q.rows() : 0, width_);
    parallel_ranges(pass.executor, q.rows(), row_grain(q.cols() + k.cols()), [&](Index begin, Index end) {
      Index sequence = 0;
      for (Index row = begin; row < end; ++row) {
        while (row >= pass.batch.begin(sequence) + pass.batch.length(sequence)) ++sequence;
        const Index t = pass.position(sequence, row - pass.batch.begin(sequence));
        const S* turns = nullptr;
        if (t < options_.longest) {
          turns = table_->turns.data() + t * width_;
        } else {
          turns_at(table_->frequencies, t, computed.row(row).data());
          turns = computed.row(row).data();
        }
        for (Index h = 0; h < heads.heads; ++h) turn(q.row_data(row) + h * heads.head_dim, turns, sign);
        for (Index h = 0; h < heads.kv_heads; ++h) turn(k.row_data(row) + h * heads.head_dim, turns, sign);
      }
    });
  }
  bool far_positions(const Pass<S>& pass) const {
    for (Index s = 0; s < pass.batch.sequences(); ++s) {
      for (Index i = 0; i < pass.batch.length(s); ++i) {
        if (pass.position(s, i) >= options_.longest) return true;
      }
    }
    return false;
  }
  void turn(S* x, const S* turns, S sign) const {
    const Index half = width_ / 2;
    const S *c = turns, *s = turns + half;
    if (options_.layout == RotaryLayout::half) {
      const Pack<S> g(sign);
      each_pack<S>(half, [&](Index i, auto n) {
        const auto a = Pack<S>::load(x + i, n), b = Pack<S>::load(x + half + i, n);
        const auto cosine = Pack<S>::load(c + i, n), sine = Pack<S>::load(s + i, n) * g;
        (a * cosine - b * sine).store(x + i, n);
        (b * cosine + a * sine).store(x + half + i, n);
      });
    } else {
      for (Index i = 0; i < half; ++i) {
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
