#pragma once

#include "residual/wiring/listing.hpp"

namespace residual {

/// Where in a pass a scheme's code is: block checkpointing runs forward again for a block at a time, where what stands behind
/// the loop over sub-layers must leave tapes as they are, and holds the tapes of one block at a time.
struct Replay {
  bool active = false;       ///< a block is computed again
  bool behind_loop = false;  ///< the loop over its sub-layers has ended
  Index recalled = -1;       ///< in backward: the only block whose tapes are there; -1: those of all blocks are

  /// Whether a tape may be written.
  bool writes() const { return !(active && behind_loop); }
};

/// Throws unless the scheme listed the parameters and the tape of a norm.
inline void expect_listed(bool params, bool tape) {
  expect(params && tape, "A norm of the residual scheme was called, but ", params ? "Tape" : "Params",
         "::carve does not list its ", params ? "tape" : "parameters", "; list each field of both once.");
}

/// A norm with parameters and a tape, in the forward pass: LN(x, y). x may be an expression, whose row i may read row i of y.
template <Norm L>
struct BoundNorm {
  using S = typename L::Scalar;
  const L& norm;
  const ParamsOf<L>& p;
  TapeOf<L>& tape;
  const Pass<S>& pass;
  const Replay& replay;

  /// y = LN(x). Throws when the tape was written already in this pass.
  template <class X>
  void operator()(const X& x, Out<S> y) const {
    if (!replay.writes()) return;
    expect_listed(p.listed, tape.listed);
    expect(
        replay.active || !tape.written,
        "A norm of the residual scheme was called twice in a pass with one tape, which holds the values of one call; "
        "give each call a field of its own in the scheme's Tape, bound to the same parameters.");
    tape.written = true;
    norm.forward(p, tape, pass, x, y);
  }
};

/// A norm with parameters, their gradient and a tape, in the backward pass.
template <Norm L>
struct BoundNormPull {
  using S = typename L::Scalar;
  const L& norm;
  const ParamsOf<L>& p;
  const TapeOf<L>& tape;
  const Pass<S>& pass;
  ParamsOf<L>& g;

  /// dx += LN^T dy, and the parameters' gradient is added, too.
  void pull(In<S> dy, Out<S> dx) const {
    expect_written();
    norm.backward(p, tape, pass, dy, dx, g);
  }
  /// What forward computed, bit for bit: in u, or where it lies already.
  In<S> output(Out<S> u) const {
    static_assert(
        requires { norm.output(p, tape, pass, u); },
        "This residual scheme asks for the output of its norm again, which this norm does not keep: give it "
        "`In<S> output(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const`.");
    expect_written();
    return norm.output(p, tape, pass, u);
  }

 private:
  void expect_written() const {
    expect_listed(g.listed, tape.listed);
    expect(tape.written,
           "The gradient or output of a norm was asked for at a place where forward did not call it; a "
           "residual scheme's backward must mirror its forward.");
  }
};

/// A norm at every sub-layer or block, in the forward pass: LN[k](x, y).
template <Norm L, class P, class T>
struct BoundNorms {
  const L& norm;
  const P& p;
  T& tape;
  const Pass<typename L::Scalar>& pass;
  const Replay& replay;

  BoundNorm<L> operator[](Site k) const { return {norm, p[k], tape[k], pass, replay}; }
};

/// A norm at every sub-layer or block, in the backward pass: LN[k].pull(dy, dx), LN[k].output(u).
template <Norm L, class P, class T>
struct BoundNormPulls {
  const L& norm;
  const P& p;
  const T& tape;
  const Pass<typename L::Scalar>& pass;
  const Replay& replay;
  P& g;

  /// Throws where block checkpointing does not hold the tape of k.
  BoundNormPull<L> operator[](Site k) const {
    expect(replay.recalled < 0 || k.block == replay.recalled, "The tape of a norm in block ", k.block,
           " was asked for in block ", replay.recalled,
           ", but with Recompute::blocks only that block's tapes are there; use f.stream_before(k, x0, LN) for what "
           "stands "
           "in front of sub-layer k.");
    return {norm, p[k], tape[k], pass, g[k]};
  }
};

}  // namespace residual
