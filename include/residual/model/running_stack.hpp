#pragma once

#include "residual/layers/cache.hpp"
#include "residual/layers/dropout.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// Activation checkpointing, Chen et al. 2016 (arXiv:1604.06174): what backward computes again instead of finding it on the
/// tape, with the same bits.
enum class Recompute {
  nothing,
  sublayers,  ///< what is inside each sub-layer; the scheme's tape stays
  blocks,     ///< each block, from the streams in front of it
};

/// The sub-layers of a stack in one pass: finds the layer of each site, its parameters, tape and cache, draws dropout, shows
/// the observer what comes out, and computes again what the tape does not hold.
template <class Stack>
class RunningStack final : public Sublayers<typename Stack::Scalar> {
 public:
  using S = typename Stack::Scalar;
  using Params = typename Stack::Params;
  using Tape = typename Stack::Tape;
  using Cache = typename Stack::Cache;

  /// Forward, with a cache as a step of decoding; with `replayed` >= 0 over that block alone, once more. Backward where there
  /// is a g, and forward had x0 as input.
  RunningStack(const Stack& stack, const Params& p, Tape& t, const Pass<S>& pass, Observer<S>* observer, Cache* cache,
               In<S> x0, Params* g = nullptr, Index replayed = -1)
      : Sublayers<S>(pass, stack.depth, Index(Stack::slots), stack.dim(), observer, stack.checkpoints(pass), replayed),
        stack_(stack),
        p_(p),
        t_(t),
        cache_(cache),
        x0_(x0),
        g_(g) {}

 private:
  void call(Site k, In<S> x, Out<S> y) override {
    char& called = t_.called[k];
    expect(g_ == nullptr && (this->replays() || called == 0), "Sub-layer ", k.slot, " of block ", k.block,
           " was called ", g_ == nullptr ? "twice in a pass" : "in backward",
           ", but its tape holds one call of forward; a residual scheme calls f[k] once for each site k.");
    expect_apart(k, x, y, "f[k](x, y)");
    called = 1;
    const Pass<S> own = pass_of(k, this->pass().keep && stack_.recompute != Recompute::sublayers);
    at(k, [&](auto i, const auto& f) {
      auto& tape = std::get<i>(t_.layers[std::size_t(k.block)]);
      const auto& p = std::get<i>(p_.layers[std::size_t(k.block)]);
      const BorrowedTape memory(f, tape, own, !own.keep);
      if constexpr (CachingLayer<std::decay_t<decltype(f)>>) {
        if (cache_ != nullptr) return cache_->step(stack_, k, p_, t_, *cache_, own, x, y);
      }
      f.forward(p, tape, own, x, y);
    });
    drop(own, y);
    if (this->observer() != nullptr) this->observer()->branch(k, x, y);
  }

  void pull(Site k, In<S> x, In<S> dy, Out<S> dx) override {
    expect(g_ != nullptr && t_.called[k] == 1, "The gradient of sub-layer ", k.slot, " of block ", k.block,
           " was asked for, but forward did not call it; a residual scheme's backward must mirror its forward.");
    expect_apart(k, dy, dx, "f[k].pull(x, dy, dx)");
    if (this->observer() != nullptr) this->observer()->branch_gradient(k, dy);
    const Pass<S> own = pass_of(k, true);
    if (!dropout(own).active()) return pull_layer(k, own, x, dy, dx);
    auto df = this->temp();
    own.copied(dy, df);
    drop(own, df);
    pull_layer(k, own, x, df, dx);
  }
  void pull_layer(Site k, const Pass<S>& own, In<S> x, In<S> dy, Out<S> dx) {
    at(k, [&](auto i, const auto& f) {
      auto& tape = std::get<i>(t_.layers[std::size_t(k.block)]);
      const auto& p = std::get<i>(p_.layers[std::size_t(k.block)]);
      const bool again = stack_.recompute == Recompute::sublayers;
      const BorrowedTape memory(f, tape, own, again);
      if (again) f.forward(p, tape, own, x, this->temp());
      f.backward(p, tape, own, x, dy, dx, std::get<i>(g_->layers[std::size_t(k.block)]));
    });
  }

  void enter_block(Index block, const Streams<S>& x) override {
    expect(x.count() == stack_.streams(), "The residual scheme took ", x.count(), " streams from f, but says it has ",
           stack_.streams(),
           "; take what passes from block to block with f.stream(x0), and let `Index streams() const` return ",
           "how many there are, unless it is 1.");
    t_.recalled = block;
    for (Index i = 0; this->checkpoints() && block > 0 && i < x.count(); ++i) {
      this->pass().copied(x[i], t_.saved[(block - 1) * stack_.streams() + i]);
    }
  }
  In<S> checkpoint(Index block, Index i) override {
    return std::as_const(t_.saved)[(block - 1) * stack_.streams() + i];
  }
  void recall_block(Index block) override {
    if (!this->checkpoints() || t_.recalled == block) return;
    t_.recalled = -1;  // while it is computed, and if that fails
    RunningStack f(stack_, p_, t_, this->pass(), nullptr, nullptr, x0_, nullptr, block);
    auto y = this->temp();
    stack_.wiring.forward(p_.wiring, t_.wiring, f, x0_, y);
    t_.recalled = block;
  }

  /// Throws when what a call reads and what it writes begin in one place: a sub-layer reads on while it writes.
  void expect_apart(Site k, In<S> input, Out<S> output, const char* call) const {
    expect(input.size() == 0 || input.data() != output.data(), "Sub-layer ", k.slot, " of block ", k.block,
           " reads and writes the same matrix in ", call,
           "; let it write another one, such as f.temp() or, for a gradient, f.zeros().");
  }
  /// visit(slot, layer) for the layer of a site.
  template <class Visit>
  void at(Site k, Visit&& visit) const {
    Stack::each_slot([&](auto i) {
      if (Index(i) == k.slot) visit(i, std::get<i>(stack_.sublayers));
    });
  }
  Pass<S> pass_of(Site k, bool keep) const {
    Pass<S> own = this->pass();
    own.site += std::uint64_t(k.number());
    own.block = k.block;
    own.keep = keep;
    return own;
  }
  Dropout<S> dropout(const Pass<S>& own) const { return {stack_.dropout, own, Purpose::residual}; }
  void drop(const Pass<S>& own, Out<S> y) const {
    const auto drop = dropout(own);
    if (!drop.active()) return;
    parallel_ranges(own.executor, y.rows(), row_grain(y.cols()), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) drop(i, 0, y.cols(), y.row_data(i));
    });
  }

  const Stack& stack_;
  const Params& p_;
  Tape& t_;
  Cache* cache_;
  In<S> x0_;
  Params* g_;
};

}  // namespace residual
