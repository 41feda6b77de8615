#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "residual/kernel/gemm.hpp"
#include "residual/layers/dropout.hpp"
#include "residual/layers/layer_norm.hpp"
#include "residual/layers/sinusoids.hpp"

namespace residual {

/// What tells a token's place in its sequence.
enum class Positions {
  none,        ///< nothing here; rotary positions and ALiBi are attention's
  learned,     ///< a table of parameters, a row a place
  sinusoidal,  ///< sines in the even columns, cosines in the odd ones
  fairseq,     ///< sines in the left half, cosines in the right one, from row 2 on
};

/// What an embedding reads, one a token.
struct Words {
  std::span<const int> tokens;      ///< from 0
  std::span<const int> types = {};  ///< from 0; empty: all 0
};

/// Token embedding with positions, Vaswani et al. 2017 (arXiv:1706.03762), for token w at place i of its sequence:
///
///     y = scale E[w] + P[first + i],    scale = sqrt(d)
///     P learned, or fixed: see sinusoids, fairseq_sinusoids
///
/// With token types and a norm, as in BERT (arXiv:1810.04805), y = LN(scale E[w] + P[first + i] + T[type]). And, tied to it,
/// the output projection  logits = x E^T.
///
/// backward:  dE[w] += scale dx,  dP[first + i] += dx,  dT[type] += dx,  dx = LN^T dy;   dx += dlogits E,  dE += dlogits^T x
template <class S>
struct Embedding {
  using Scalar = S;
  Index vocabulary;                       ///< tokens, numbered from 0: rows of E
  Index dim;                              ///< features of a token
  Index longest;                          ///< sequence that has positions
  Positions positions;                    ///< where P comes from
  S scale;                                ///< of the embedding, sqrt(dim) unless changed
  double dropout = 0;                     ///< the share of y that training drops
  Index first = 0;                        ///< row of P for the first place: 2 in fairseq and OPT, else 0
  Index token_types = 0;                  ///< rows of T; 0: there is no T
  std::optional<LayerNorm<S>> norm = {};  ///< of the sum

  /// Throws std::invalid_argument unless all sizes are greater than 0.
  Embedding(Index words, Index d, Index longest_sequence, Positions kind = Positions::sinusoidal)
      : Embedding(words, d, longest_sequence, kind, kind == Positions::fairseq ? 2 : 0) {}
  /// Whose first place has row `first_row` of P.
  Embedding(Index words, Index d, Index longest_sequence, Positions kind, Index first_row)
      : vocabulary(words), dim(d), longest(longest_sequence), positions(kind), first(first_row) {
    using std::sqrt;
    expect_sizes();
    scale = sqrt(S(d));
    const Index rows = longest + first;
    if (kind == Positions::sinusoidal) sinusoids_ = std::make_shared<const Tokens<S>>(sinusoids<S>(rows, d));
    if (kind == Positions::fairseq) sinusoids_ = std::make_shared<const Tokens<S>>(fairseq_sinusoids<S>(rows, d));
  }
  bool operator==(const Embedding& o) const {
    return vocabulary == o.vocabulary && dim == o.dim && longest == o.longest && positions == o.positions &&
           scale == o.scale && dropout == o.dropout && first == o.first && token_types == o.token_types &&
           norm == o.norm;
  }
  void check() const {
    expect_sizes();
    expect_rate("Embedding: dropout", dropout);
    expect(is_finite(scale), "Embedding: scale is ", scale, ", but it must be a number, such as 1 or sqrt(dim).");
    const Index rows = sinusoids_ ? sinusoids_->rows() : 0, cols = sinusoids_ ? sinusoids_->cols() : 0;
    expect(!has_sinusoids() || (rows == longest + first && cols == dim), "Embedding: its sinusoids are [", rows, " x ",
           cols, "], but longest is ", longest, ", first ", first, " and dim ", dim,
           "; make a new Embedding instead of changing these fields or `positions`.");
    if (!norm) return;
    norm->check();
    expect(norm->dim == dim, "Embedding: its norm is ", norm->dim, " wide, but dim is ", dim, "; make them equal.");
  }

  struct Params {
    TokensView<S> tokens;     ///< E [vocabulary x dim]
    TokensView<S> positions;  ///< P [longest + first x dim] when it is learned, else empty
    TokensView<S> types;      ///< T [token_types x dim]
    typename LayerNorm<S>::Params norm;
    void carve(Carver<S>& c, const Embedding& e) {
      c.table("embed_tokens.weight", tokens, e.vocabulary, e.dim);
      c.table("embed_positions.weight", positions, e.positions == Positions::learned ? e.longest + e.first : 0, e.dim);
      c.table("embed_types.weight", types, e.token_types, e.dim);
      if (e.norm) c("embed_norm.", norm, *e.norm);
    }
  };
  struct Tape {
    typename LayerNorm<S>::Tape norm;
    void carve(Carver<S>& c, const Embedding& e, const Pass<S>& pass) {
      if (e.norm) c("", norm, *e.norm, pass);
    }
  };

  /// Throws unless there is one of `words` for each token of the batch, all of them in the tables, and there are positions
  /// for the longest sequence, or those that the tokens are given.
  void check(const Batch& batch, const Words& words, Index longest_sequence) const {
    expect(positions == Positions::none || longest_sequence <= longest, "The tokens need ",
           counted(longest_sequence, "position"), ", but the embedding has positions for ", longest,
           "; make it with a larger `longest`.");
    expect_entries("tokens", words.tokens, batch, "the vocabulary has the tokens", vocabulary);
    if (words.types.empty()) return;
    expect(token_types > 0, "types were given to an embedding without token types; leave `types` out.");
    expect_entries("types", words.types, batch, "the embedding has the token types", token_types);
  }

  /// Throws when sequences that never end run out of positions.
  void expect_endless() const {
    expect(
        positions == Positions::none, "Embedding: it has positions for ", longest,
        " tokens, but sequences of an endless decoding have no last one; make it with Positions::none, and let Rotary "
        "or ALiBi tell places.");
  }

  /// y [tokens x dim].
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const Words& words, Out<S> y) const {
    const Dropout<S> drop(dropout, pass, Purpose::residual);
    each_token(pass, [&](Index row, Index place) {
      auto yi = y.row(row);
      yi = scale * p.tokens.row(words.tokens[std::size_t(row)]);
      if (positions == Positions::learned) yi += p.positions.row(first + place);
      if (has_sinusoids()) yi += sinusoids_->row(first + place);
      if (token_types > 0) yi += p.types.row(type(words, row));
      if (!norm) drop(row, 0, dim, y.row_data(row));
    });
    if (!norm) return;
    norm->forward(p.norm, t.norm, pass, y, y);
    for (Index row = 0; row < y.rows(); ++row) drop(row, 0, dim, y.row_data(row));
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, const Words& words, In<S> dy, Params& g) const {
    const Dropout<S> drop(dropout, pass, Purpose::residual);
    auto kept = pass.workspace.temp(1, dim), dx = pass.workspace.zeros(norm ? dy.rows() : 0, dim);
    if (norm) {
      auto dropped = pass.workspace.temp(dy.rows(), dim);
      dropped = dy;
      for (Index row = 0; row < dy.rows(); ++row) drop(row, 0, dim, Out<S>(dropped).row_data(row));
      norm->backward(p.norm, t.norm, pass, dropped, dx, g.norm);
    }
    const In<S> d = norm ? In<S>(dx) : dy;
    const auto add = [&](TokensView<S>& table, Index row, S factor) {
      if (table.rows() > 0 && table.data() != nullptr) table.row(row) += factor * kept.row(0);
    };
    each_token(pass, [&](Index row, Index place) {
      kept = d.row(row);
      if (!norm) drop(row, 0, dim, kept.data());
      add(g.tokens, words.tokens[std::size_t(row)], scale);
      add(g.positions, first + place, 1);
      add(g.types, type(words, row), 1);
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

 private:
  bool has_sinusoids() const { return positions == Positions::sinusoidal || positions == Positions::fairseq; }
  void expect_sizes() const {
    expect_known("Embedding: positions", positions, Positions::fairseq, "Positions::sinusoidal");
    expect(vocabulary > 0 && dim > 0 && longest > 0, "Embedding: vocabulary ", vocabulary, ", dim ", dim, ", longest ",
           longest, ", but all must be greater than 0.");
    expect(first >= 0 && token_types >= 0, "Embedding: first ", first, ", token_types ", token_types,
           ", but both must be 0 or more.");
    expect(longest <= std::numeric_limits<Index>::max() - first, "Embedding: longest is ", longest, " behind ", first,
           " rows, but no table has so many; give a smaller `longest`.");
  }
  static void expect_entries(const char* name, std::span<const int> entries, const Batch& batch, const char* known,
                             Index count) {
    expect(Index(entries.size()) == batch.tokens(), name, " has ", counted(entries.size(), "entry", "entries"),
           ", but the batch has ", counted(batch.tokens(), "token"), "; give one a token.");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      expect(entries[i] >= 0 && entries[i] < count, name, "[", i, "] is ", entries[i], ", but ", known, " 0 to ",
             count - 1, ".");
    }
  }
  static Index type(const Words& words, Index row) { return words.types.empty() ? 0 : words.types[std::size_t(row)]; }
  template <class F>
  static void each_token(const Pass<S>& pass, F&& f) {
    for (Index s = 0; s < pass.batch.sequences(); ++s) {
      for (Index i = 0; i < pass.batch.length(s); ++i) f(pass.batch.begin(s) + i, pass.position(s, i));
    }
  }

  std::shared_ptr<const Tokens<S>> sinusoids_;
};

}  // namespace residual
