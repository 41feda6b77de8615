#pragma once

#include <optional>
#include <vector>

#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"
#include "support/schemes.hpp"
#include "support/stacks.hpp"

namespace test_support {

using namespace residual;

/// What one pass there and back gives; gradient buffers start at zero.
template <class M>
struct Result {
  Tokens<typename M::Scalar> y, dx, dmemory;
  Parameters<M> gradient;
};

/// A model with random parameters, an input and a cotangent.
template <class M>
struct Problem {
  using S = typename M::Scalar;

  M model;
  Batch batch, memory_batch;
  Parameters<M> theta;
  Tokens<S> x, memory, dy, attn_mask, memory_mask;
  std::optional<std::uint64_t> seed;

  Problem(const M& m, const Batch& b, const Batch& of_memory = {}, std::uint64_t random_seed = 1)
      : model(m),
        batch(b),
        memory_batch(of_memory),
        theta(m),
        x(random_tokens<S>(b.tokens(), m.output_cols(), random_seed)),
        memory(random_tokens<S>(of_memory.tokens(), m.output_cols(), random_seed + 1)),
        dy(random_tokens<S>(b.tokens(), m.output_cols(), random_seed + 2)) {
    randomise(theta, random_seed + 3);
  }

  Input<S> input() const {
    Input<S> in{batch, x};
    in.attn_mask.show(attn_mask);
    in.seed = seed;
    if constexpr (requires { requires M::reads_memory; }) {
      in.memory_batch = memory_batch;
      in.memory.show(memory);
      in.memory_mask.show(memory_mask);
    }
    return in;
  }

  residual::Tape<M> tape(const Executor& executor = Serial::instance()) const {
    return residual::Tape<M>(model, executor);
  }

  Result<M> run(residual::Tape<M>& tape) const {
    Result<M> r{tape.forward(model, theta, input()), Tokens<S>::Zero(x.rows(), x.cols()),
                Tokens<S>::Zero(memory.rows(), memory.cols()), Parameters<M>(model)};
    tape.backward(model, theta, dy, r.gradient, {r.dx, r.dmemory});
    return r;
  }
  Result<M> run(const Executor& executor = Serial::instance()) const {
    auto own = tape(executor);
    return run(own);
  }
};

/// What a test wants of a stack; the defaults are small.
struct Wanted {
  Index dim = 8, heads = 2, hidden = 16, depth = 2;
  std::vector<Index> lengths = {5, 3}, memory_lengths = {4, 6};
  bool causal = false;
  double dropout = 0;
  std::uint64_t seed = 1;
  Activation activation = Activation::gelu_tanh;
  Recompute recompute = Recompute::nothing;

  Sizes sizes() const {
    return {.dim = dim,
            .heads = heads,
            .hidden = hidden,
            .depth = depth,
            .activation = activation,
            .causal = causal,
            .dropout = dropout,
            .attention_dropout = dropout,
            .activation_dropout = dropout,
            .recompute = recompute};
  }
};

template <class W>
Problem<Encoder<W>> encoder_problem(const Wanted& w, const W& scheme) {
  return {encoder(scheme, w.sizes()), Batch::of(w.lengths), {}, w.seed};
}
template <class W>
Problem<Encoder<W>> encoder_problem(const Wanted& w) {
  return encoder_problem(w, W(w.dim));
}
template <class W>
Problem<Decoder<W>> decoder_problem(const Wanted& w, const W& scheme) {
  return {decoder(scheme, w.sizes()), Batch::of(w.lengths), Batch::of(w.memory_lengths), w.seed};
}
template <class W>
Problem<Decoder<W>> decoder_problem(const Wanted& w) {
  return decoder_problem(w, W(w.dim));
}

/// Calls check(problem) with an encoder and with a decoder of the scheme W.
template <class W, class Check>
void for_encoder_and_decoder(const Wanted& w, Check&& check) {
  {
    SCOPED_TRACE("encoder");
    auto problem = encoder_problem<W>(w);
    check(problem);
  }
  {
    SCOPED_TRACE("decoder");
    auto problem = decoder_problem<W>(w);
    check(problem);
  }
}

/// Calls check(problem) with an encoder of every scheme.
template <class S, class Check>
void for_every_encoder(const Wanted& w, Check&& check) {
  for (const auto& scheme : every_scheme<S>()) {
    SCOPED_TRACE("encoder of " + scheme.name);
    auto problem = encoder_problem(w, scheme.plain(w.dim));
    check(problem);
  }
}
/// Calls check(problem) with a decoder of every scheme.
template <class S, class Check>
void for_every_decoder(const Wanted& w, Check&& check) {
  for (const auto& scheme : every_scheme<S>()) {
    SCOPED_TRACE("decoder of " + scheme.name);
    auto problem = decoder_problem(w, scheme.plain(w.dim));
    check(problem);
  }
}
/// Calls check(problem) with an encoder and with a decoder of every scheme.
template <class S, class Check>
void for_every_stack(const Wanted& w, Check&& check) {
  for_every_encoder<S>(w, check);
  for_every_decoder<S>(w, check);
}

/// Every number that one pass gave has the same bits.
template <class M>
void expect_same_bits(const Result<M>& a, const Result<M>& b) {
  EXPECT_TRUE(same_bits(a.y, b.y)) << "y";
  EXPECT_TRUE(same_bits(a.dx, b.dx)) << "gradient of x";
  EXPECT_TRUE(same_bits(a.dmemory, b.dmemory)) << "gradient of memory";
  EXPECT_TRUE(same_bits(a.gradient.flat(), b.gradient.flat())) << "gradient of the parameters";
}

}  // namespace test_support
