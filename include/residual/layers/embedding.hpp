#pragma once

#include <cmath>
#include <memory>
#include <span>

#include "residual/kernel/gemm.hpp"
#include "residual/layers/dropout.hpp"

namespace residual {

/// What tells a token's place in its sequence.
enum class Positions { none, learned, sinusoidal };

/// Token embedding with positions, Vaswani et al. 2017 (arXiv:1706.03762), for token w at place i of its sequence:
///
///     y = scale E[w] + P[i],    scale = sqrt(d)
///     P learned, or P[i, 2j] = sin(i / 10000^(2j/d)),  P[i, 2j + 1] = cos(i / 10000^(2j/d))
///
/// and, tied to it, the output projection  logits = x E^T.
///
/// backward:  dE[w] += scale dy,  dP[i] += dy;   dx += dlogits E,  dE += dlogits^T x
template <class S>
struct Embedding {
  using Scalar = S;
  Index vocabulary, dim;
  Index longest;        ///< sequence that has positions
  Positions positions;  ///< where P comes from
  S scale;              ///< of the embedding, sqrt(dim) unless changed
  double dropout = 0;

  /// Throws std::invalid_argument unless all sizes are greater than 0.
  Embedding(Index words, Index d, Index longest_sequence, Positions kind = Positions::sinusoidal)
      : vocabulary(words), dim(d), longest(longest_sequence), positions(kind) {
    using std::sqrt;
    expect_sizes();
    scale = sqrt(S(d));
    if (kind == Positions::sinusoidal) sinusoids_ = std::make_shared<const Tokens<S>>(sinusoids(longest, d));
  }
  bool operator==(const Embedding& o) const {
    return vocabulary == o.vocabulary && dim == o.dim && longest == o.longest && positions == o.positions &&
           scale == o.scale && dropout == o.dropout;
  }
  void check() const {
    expect_sizes();
    expect_rate("Embedding: dropout", dropout);
    const Index rows = sinusoids_ ? sinusoids_->rows() : 0, cols = sinusoids_ ? sinusoids_->cols() : 0;
    expect(positions != Positions::sinusoidal || (rows == longest && cols == dim), "Embedding: its sinusoids are [",
           rows, " x ", cols, "], but longest is ", longest, " and dim ", dim,
           "; make a new Embedding instead of changing these fields or `positions`.");
  }

  struct Params {
    TokensView<S> tokens;     ///< E [vocabulary x dim]
    TokensView<S> positions;  ///< P [longest x dim] when it is learned, else empty
    void carve(Carver<S>& c, const Embedding& e) {
      c.table("embed_tokens.weight", tokens, e.vocabulary, e.dim);
      c.table("embed_positions.weight", positions, e.positions == Positions::learned ? e.longest : 0, e.dim);
    }
  };

  /// Throws unless `tokens` are the batch's, all in the vocabulary, and there are positions for the longest sequence.
  void check(const Batch& batch, std::span<const int> tokens) const { check(batch, tokens, batch.longest()); }
  void check(const Batch& batch, std::span<const int> tokens, Index longest_sequence) const {
    expect(Index(tokens.size()) == batch.tokens(), "tokens has ", tokens.size(), " entries, but the batch has ",
           batch.tokens(), " tokens; give one a token.");
    expect(positions == Positions::none || longest_sequence <= longest, "The longest sequence has ", longest_sequence,
           " tokens, but the embedding has positions for ", longest, "; make it with a larger `longest`.");
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      expect(tokens[i] >= 0 && tokens[i] < vocabulary, "tokens[", i, "] is ", tokens[i],
             ", but the vocabulary has the tokens 0 to ", vocabulary - 1, ".");
    }
  }

  /// y [tokens x dim].
  void forward(const Params& p, const Pass<S>& pass, std::span<const int> tokens, Out<S> y) const {
    const Dropout<S> drop(dropout, pass, Purpose::residual);
    each_token(pass, [&](Index row, Index place) {
      auto yi = y.row(row);
      yi = scale * p.tokens.row(tokens[std::size_t(row)]);
      if (positions == Positions::learned) yi += p.positions.row(place);
      if (positions == Positions::sinusoidal) yi += sinusoids_->row(place);
      drop(row, 0, dim, y.row_data(row));
    });
  }
  void backward(const Pass<S>& pass, std::span<const int> tokens, In<S> dy, Params& g) const {
    const Dropout<S> drop(dropout, pass, Purpose::residual);
    auto kept = pass.workspace.temp(1, dim);
    each_token(pass, [&](Index row, Index place) {
      kept = dy.row(row);
      drop(row, 0, dim, kept.data());
      g.tokens.row(tokens[std::size_t(row)]) += scale * kept.row(0);
      if (positions == Positions::learned) g.positions.row(place) += kept.row(0);
    });
  }

  /// logits = x E^T, [tokens x vocabulary].
  void project(const Params& p, const Pass<S>& pass, In<S> x, Out<S> logits) const {
    product<S>(pass.executor, x, transposed<S>(p.tokens), logits);
  }
  /// Adds the gradient of <logits, dlogits> to dx and to that of E.
  void project_pull(const Params& p, const Pass<S>& pass, In<S> x, In<S> dlogits, Out<S> dx, Params& g) const {
    product<S>(pass.executor, transposed(dlogits), x, g.tokens, Write::add);
    product<S>(pass.executor, dlogits, In<S>(p.tokens), dx, Write::add);
  }

  /// P, [longest x d].
  static Tokens<S> sinusoids(Index longest, Index d) {
    using std::cos;
    using std::pow;
    using std::sin;
    Tokens<S> table(longest, d);
    for (Index j = 0; j < d; ++j) {
      const S rate = pow(S(10000), -S(j - j % 2) / S(d));
      for (Index i = 0; i < longest; ++i) table(i, j) = j % 2 == 0 ? sin(S(i) * rate) : cos(S(i) * rate);
    }
    return table;
  }

 private:
  void expect_sizes() const {
    expect(vocabulary > 0 && dim > 0 && longest > 0, "Embedding: vocabulary ", vocabulary, ", dim ", dim, ", longest ",
           longest, ", but all must be greater than 0.");
  }
  template <class F>
  static void each_token(const Pass<S>& pass, F&& f) {
    for (Index s = 0; s < pass.batch.sequences(); ++s) {
      for (Index i = 0; i < pass.batch.length(s); ++i) f(pass.batch.begin(s) + i, pass.position(s, i));
    }
  }

  std::shared_ptr<const Tokens<S>> sinusoids_;
};

}  // namespace residual
