#pragma once

#include <concepts>

#include "residual/wiring/streams.hpp"

namespace residual {

template <class S>
class Sublayers;

/// Sub-layer k of a stack, as a residual scheme sees it.
template <class S>
class Sublayer {
 public:
  /// Made by Sublayers::operator[].
  Sublayer(Sublayers<S>& f, Site k) : f_(f), k_(k) {}
  /// y = f_k(x), after dropout; y must not overlap x. Once in a pass.
  void operator()(In<S> x, Out<S> y) const { f_.call(k_, x, y); }
  /// dx += f_k^T dy (VJP), where x is what f_k was called with, bit for bit: kept, or computed again.
  void pull(In<S> x, In<S> dy, Out<S> dx) const { f_.pull(k_, x, dy, dx); }
  /// Says what x and y must be, where they are something else.
  template <class X, class Y>
    requires(!std::convertible_to<const X&, In<S>> || !std::convertible_to<Y, Out<S>>)
  void operator()(const X&, Y&&) const {
    static_assert(sizeof(X) == 0,
                  "f[k](x, y): x and y must be row-major and of the scheme's scalar, for x is read again in backward; "
                  "store an expression in f.temp() or a stream first.");
  }

 private:
  Sublayers<S>& f_;
  Site k_;
};

/// The sub-layers f_1 .. f_N of a stack in one pass, as a residual scheme sees them, and the memory that it works in. Layers
/// of any type stand behind it, a virtual call each, so that a scheme compiles once per scalar.
template <class S>
class Sublayers {
  /// The loop over sub-layers, `step` 1 or -1, which tells the stack where it is.
  template <Index step>
  class Loop;

 public:
  virtual ~Sublayers() = default;
  Sublayers(const Sublayers&) = delete;
  Sublayers& operator=(const Sublayers&) = delete;

  /// Sub-layer k: f[k](x, y) and f[k].pull(x, dy, dx).
  Sublayer<S> operator[](Site k) { return {*this, k}; }
  /// All places, from the first to the last: for (const Site k : f.sites()), to the end, without `break`.
  Loop<1> sites() { return Loop<1>(*this); }
  /// From the last to the first. The gradient of a block's own parameters must be added while k is in that block.
  Loop<-1> sites_backwards() { return Loop<-1>(*this); }
  Index count() const { return blocks_ * slots_; }  ///< N, of all blocks
  Index blocks() const { return blocks_; }          ///< of the stack
  Index tokens() const { return pass_.tokens(); }   ///< of all sequences: rows of a stream
  Index dim() const { return dim_; }                ///< features of a token: columns of a stream

  /// A residual stream that starts as `init`, a matrix or any expression. What crosses from one block into the next must be
  /// a stream, or lie in what the scheme's Tape has a single time, where each entry is assigned and never added to: block
  /// checkpointing runs forward again.
  template <class X>
  Stream<S> stream(const X& init) {
    return Stream<S>(pass_, dim_, last_, [&](auto& x) { x = init; });
  }
  /// One that starts as zeros: a gradient.
  Stream<S> stream() { return stream(Tokens<S>::Zero(tokens(), dim_)); }
  /// n streams that all start as `init`: x[0] .. x[n - 1].
  template <class X>
  StreamArray<S> streams(Index n, const X& init) {
    return StreamArray<S>(pass_, n, dim_, last_, [&](auto& x) {
      for (Index i = 0; i < n; ++i) x[i] = init;
    });
  }
  /// n streams that start as zeros: gradients.
  StreamArray<S> streams(Index n) { return streams(n, Tokens<S>::Zero(tokens(), dim_)); }
  /// A matrix [tokens x dim]; its entries start undefined.
  Temp<S> temp() { return Temp<S>(pass_.executor, pass_.workspace, tokens(), dim_); }
  /// A matrix of zeros.
  Temp<S> zeros() { return Temp<S>(pass_.executor, pass_.workspace, tokens(), dim_, S(0)); }
  /// n matrices x[0] .. x[n - 1]; their entries start undefined.
  Temps<S> temps(Index n) { return Temps<S>(pass_, n, dim_); }

  /// m, whose assignments are spread over threads: f.to(y) = a + b.
  ParallelAssign<Out<S>> to(Out<S> m) {
    return ParallelAssign<Out<S>>(pass_.executor, m.data(), m.rows(), m.cols(), m.outerStride());
  }
  /// slot = x, where backward follows; `slot` has TapeListing::kept_tokens() rows.
  template <class X>
  void keep(const X& x, Out<S> slot) {
    if (!pass_.keep || !replay_.writes()) return;
    expect_shape("f.keep: the slot", slot, x.rows(), x.cols(), "the shape of x");
    to(slot) = x;
  }
  /// <a, b>, the gradient of a factor, with the same bits for any number of threads.
  S dot(In<S> a, In<S> b) {
    expect_shape("f.dot: b", b, a.rows(), a.cols(), "the shape of a");
    auto rows = pass_.workspace.temp(1, a.rows());
    parallel_ranges(pass_.executor, a.rows(), row_grain(a.cols()), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) rows(0, i) = row_dot(a.row_data(i), b.row_data(i), a.cols());
    });
    return row_sum<S>(a.rows(), [&](Index i, auto n) { return Pack<S>::load(rows.data() + i, n); });
  }

  /// A norm of every sub-layer or block with its parameters and tapes: LN[k](x, y).
  template <Norm L, class P, class T>
  BoundNorms<L, P, T> bind(const L& norm, const P& p, T& tape) {
    return {norm, p, tape, pass_, replay_};
  }
  /// A norm that the stack has a single time: LN(x, y).
  template <Norm L>
  BoundNorm<L> bind(const L& norm, const ParamsOf<L>& p, TapeOf<L>& tape) {
    return {norm, p, tape, pass_, replay_};
  }
  /// In backward: LN[k].pull(dy, dx), LN[k].output(u).
  template <Norm L, class P, class T>
  BoundNormPulls<L, P, T> bind(const L& norm, const P& p, const T& tape, P& g) {
    return {norm, p, tape, pass_, replay_, g};
  }
  /// In backward: LN.pull(dy, dx).
  template <Norm L>
  BoundNormPull<L> bind(const L& norm, const ParamsOf<L>& p, const TapeOf<L>& tape, ParamsOf<L>& g) {
    return {norm, p, tape, pass_, g};
  }

  /// A norm must live as long as what is bound.
  template <Norm L, class... Others>
  void bind(const L&&, Others&&...) = delete;

  /// What stands in front of sub-layer k in a stream that is the output of the norm before, x_k = LN_{k-1}(..) and x_1 = x0:
  /// a window, computed again where it lies nowhere. `stream` is its number among the streams.
  template <class LN>
  StreamBefore<S> stream_before(Site k, In<S> x0, const LN& norm, Index stream = 0) {
    if (k.is_first()) return StreamBefore<S>(pass_, x0);
    if (checkpoints_ && k.begins_block()) return StreamBefore<S>(pass_, checkpoint(k.block, stream));
    return StreamBefore<S>(pass_, dim_, [&](Out<S> u) { return norm[k - 1].output(u); });
  }

  /// What surrounds the call, for kernels of a scheme's own.
  const Pass<S>& pass() const { return pass_; }

 protected:
  /// A whole pass, or with `replayed` >= 0 forward again over that block alone, from its checkpoint. `checkpoints`: only
  /// the streams in front of each block are kept.
  Sublayers(const Pass<S>& p, Index blocks, Index slots, Index dim, Observer<S>* observer, bool checkpoints,
            Index replayed = -1)
      : pass_(p),
        observer_(observer),
        blocks_(blocks),
        slots_(slots),
        dim_(dim),
        checkpoints_(checkpoints),
        replayed_(replayed),
        replay_{replayed >= 0} {}

  /// y = f_k(x).
  virtual void call(Site k, In<S> x, Out<S> y) = 0;
  /// dx += f_k^T dy.
  virtual void pull(Site k, In<S> x, In<S> dy, Out<S> dx) = 0;
  /// The forward loop comes to a block, with these streams.
  virtual void enter_block(Index block, const Streams<S>& x) = 0;
  /// The backward loop comes to a block, whose tapes are needed now.
  virtual void recall_block(Index block) = 0;
  /// Stream i as it was in front of block 1 or a later one.
  virtual In<S> checkpoint(Index block, Index i) = 0;

  Observer<S>* observer() const { return observer_; }  ///< nullptr: nobody
  bool checkpoints() const { return checkpoints_; }
  bool replays() const { return replay_.active; }

 private:
  friend class Sublayer<S>;

  /// In a replay: the streams as they were in front of the block.
  void restore_streams() {
    const Streams<S> x(last_);
    for (Index i = 0; i < x.count(); ++i) pass_.copied(checkpoint(replayed_, i), x.writable(i));
  }

  const Pass<S>& pass_;
  Observer<S>* const observer_;
  const Index blocks_, slots_, dim_;
  const bool checkpoints_;
  const Index replayed_;
  Replay replay_;
  const typename Streams<S>::Link* last_ = nullptr;
};

template <class S>
template <Index step>
class Sublayers<S>::Loop {
 public:
  struct Iterator {
    Sublayers& f;
    Index number;

    Site operator*() const { return {number / f.slots_, number % f.slots_, f.blocks_, f.slots_}; }
    Iterator& operator++() {
      leave();
      number += step;
      return *this;
    }
    /// Comes to the next sub-layer, if there is one.
    bool operator!=(const Iterator& end) const {
      if (number == end.number) {
        f.replay_.behind_loop = true;
        return false;
      }
      enter();
      return true;
    }

   private:
    friend class Loop;
    Iterator(Sublayers& sublayers, Index n) : f(sublayers), number(n) {}
    void enter() const {
      const Site k = **this;
      if (step > 0 && k.begins_block() && f.replayed_ < 0) f.enter_block(k.block, Streams<S>(f.last_));
      if (step > 0 && k.begins_block() && f.replayed_ > 0) f.restore_streams();
      if (step < 0 && k.ends_block()) {
        f.recall_block(k.block);
        if (f.checkpoints_) f.replay_.recalled = k.block;
      }
    }
    void leave() const {
      if (f.observer_ == nullptr) return;
      const Site k = **this;
      if (step > 0) return f.observer_->streams(k, Streams<S>(f.last_));
      f.observer_->stream_gradients(k, Streams<S>(f.last_));
      if (k.begins_block()) f.observer_->block_gradient(k.block);
    }
  };

  explicit Loop(Sublayers& f) : f_(f) {}
  Iterator begin() const { return {f_, step > 0 ? first() : f_.count() - 1}; }
  Iterator end() const { return {f_, step > 0 ? first() + sites() : -1}; }

 private:
  Index first() const { return f_.replayed_ < 0 ? 0 : f_.replayed_ * f_.slots_; }
  Index sites() const { return f_.replayed_ < 0 ? f_.count() : f_.slots_; }

  Sublayers& f_;
};

}  // namespace residual
