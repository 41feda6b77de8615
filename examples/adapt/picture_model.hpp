#pragma once

#include <limits>
#include <span>

#include "residual/layers/embedding.hpp"
#include "residual/layers/linear.hpp"
#include "residual/model/stack.hpp"

/// A language model that reads a picture in front of its text: the stack's input of a sequence is
///
///     x = [patches V + v;  scale E[tokens]],      logits = stack(x) E^T
///
/// where the stack gets a mask that hides the patches from the tokens, for attention that heeds it: see EarlyFusion. Names and
/// numbers are those of a LanguageModel with a tied projection, and it is one, bit for bit, where there are no patches;
/// `visual.weight` and `visual.bias` come beside. backward, with dh = dlogits E and dx = stack^T dh:
///
///     dV += patches^T dx_patches,   dv += sum of dx_patches' rows,   dE[tokens] += scale dx_tokens,   dE += dlogits^T h
template <class Blocks>
struct PictureModel {
  using Scalar = typename Blocks::Scalar;
  using S = Scalar;
  using Index = residual::Index;
  residual::Linear<S> visual;        ///< from a patch's pixels to the width
  residual::Embedding<S> embedding;  ///< without positions, since the stack tells places
  Blocks stack;                      ///< causal
  bool operator==(const PictureModel&) const = default;

  struct Input {
    residual::Batch batch;             ///< the rows of each sequence: its patches, then its tokens
    Index patches_each = 0;            ///< patches of a sequence, all of them or none have some
    residual::In<S> patches = {};      ///< [sequences * patches_each x pixels]
    std::span<const int> tokens = {};  ///< of all sequences
  };
  /// Nobody asks for the gradient of pixels.
  struct Gradient {};

  /// Throws std::invalid_argument unless the parts fit each other.
  void check() const {
    using residual::expect;
    visual.check();
    embedding.check();
    stack.check();
    expect(visual.out == stack.dim() && embedding.dim == stack.dim(), "PictureModel: pictures enter with ", visual.out,
           " features and tokens with ", embedding.dim, ", but the stack is ", stack.dim(), " wide; make all equal.");
    expect(embedding.positions == residual::Positions::none && !embedding.norm && embedding.token_types == 0,
           "PictureModel: its embedding has positions, types or a norm; give it a plain one.");
    expect(stack.causal(), "PictureModel: its stack is not causal, so a token would see the one it is to predict.");
  }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    using residual::expect;
    const Index patches = input.batch.sequences() * input.patches_each, tokens = Index(input.tokens.size());
    residual::expect_shape("patches", patches_of(input), patches, visual.in);
    expect(patches + tokens == input.batch.tokens(), "The batch has ", input.batch.tokens(), " rows, but there are ",
           patches, " patches and ", tokens, " tokens; give one row each.");
    for (Index s = 0; s < input.batch.sequences(); ++s) {
      expect(input.batch.length(s) >= input.patches_each, "Sequence ", s, " has ", input.batch.length(s),
             " rows, but a picture has ", input.patches_each, " patches.");
    }
    for (const int token : input.tokens) {
      expect(token >= 0 && token < embedding.vocabulary, "There is a token ", token, ", but the vocabulary has ",
             embedding.vocabulary, ".");
    }
  }
  void check(const Input&, const Gradient&) const {}
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  Index output_cols() const { return embedding.vocabulary; }

  struct Params {
    typename residual::Embedding<S>::Params embedding;
    typename Blocks::Params stack;
    typename residual::Linear<S>::Params visual;
    void carve(residual::Carver<S>& c, const PictureModel& model) {
      c("", embedding, model.embedding);
      c("", stack, model.stack);
      c("visual.", visual, model.visual);
    }
  };
  struct Tape {
    residual::TokensView<S> x, h;  ///< in front of the stack and behind it
    residual::TokensView<S> mask;  ///< -infinity where a token would see a patch
    typename Blocks::Tape stack;
    void carve(residual::Carver<S>& c, const PictureModel& model, const Input& input, const residual::Call<S>& call) {
      c("x", x, input.batch.tokens(), model.stack.dim());
      c("h", h, input.batch.tokens(), model.stack.dim());
      const Index masked = input.patches_each > 0 ? input.batch.longest() : 0;
      c("mask", mask, masked, masked);
      c("", stack, model.stack, stack_input(input, *this), call);
    }
  };

  void forward(const Params& p, Tape& t, const Input& input, const residual::Call<S>& call, residual::Out<S> y) const {
    const residual::In<S> patches = patches_of(input);
    auto seen = call.workspace.temp(patches.rows(), stack.dim());
    residual::affine<S>(call.executor, patches, p.visual.weight, p.visual.bias, seen);
    each_row(
        input, [&](Index row, Index patch) { t.x.row(row) = seen.row(patch); },
        [&](Index row, int token) { t.x.row(row) = embedding.scale * p.embedding.tokens.row(token); });
    t.mask.setZero();
    t.mask.bottomLeftCorner(t.mask.rows() - input.patches_each, input.patches_each)
        .setConstant(-std::numeric_limits<S>::infinity());
    stack.forward(p.stack, t.stack, stack_input(input, t), call, t.h);
    embedding.project(p.embedding, pass(input, call), t.h, y);
  }
  void backward(const Params& p, Tape& t, const Input& input, const residual::Call<S>& call, residual::In<S> dy,
                const Gradient&, Params& g) const {
    auto dh = call.workspace.zeros(t.h.rows(), t.h.cols()), dx = call.workspace.zeros(t.x.rows(), t.x.cols());
    const residual::In<S> patches = patches_of(input);
    auto dseen = call.workspace.temp(patches.rows(), stack.dim());
    auto dpatches = call.workspace.temp(patches.rows(), visual.in);
    embedding.project_pull(p.embedding, pass(input, call), t.h, dy, dh, g.embedding);
    stack.backward(p.stack, t.stack, stack_input(input, t), call, dh, {.x = dx}, g.stack);
    each_row(
        input, [&](Index row, Index patch) { dseen.row(patch) = dx.row(row); },
        [&](Index row, int token) { g.embedding.tokens.row(token) += embedding.scale * dx.row(row); });
    residual::affine_pull<S>(call.executor, patches, p.visual.weight, dseen, dpatches, g.visual.weight, g.visual.bias,
                             residual::Write::overwrite);
  }

 private:
  /// As wide as the projection wants them where there are none, too.
  residual::In<S> patches_of(const Input& input) const {
    return input.patches_each > 0 ? input.patches : residual::In<S>(nullptr, 0, visual.in, visual.in);
  }
  static typename Blocks::Input stack_input(const Input& input, const Tape& t) {
    return {.batch = input.batch, .x = t.x, .attn_mask = t.mask};
  }
  static residual::Pass<S> pass(const Input& input, const residual::Call<S>& call) {
    return {.batch = input.batch, .workspace = call.workspace, .executor = call.executor, .keep = call.keep};
  }
  /// of_patch(row, patch) and of_token(row, token), in the order of the rows.
  template <class OfPatch, class OfToken>
  static void each_row(const Input& input, OfPatch&& of_patch, OfToken&& of_token) {
    auto token = input.tokens.begin();
    for (Index s = 0; s < input.batch.sequences(); ++s) {
      for (Index i = 0; i < input.batch.length(s); ++i) {
        const Index row = input.batch.begin(s) + i;
        if (i < input.patches_each) {
          of_patch(row, s * input.patches_each + i);
        } else {
          of_token(row, *token++);
        }
      }
    }
  }
};
