#pragma once

#include "residual/wiring/norms.hpp"
#include "residual/wiring/observer.hpp"
#include "residual/wiring/parallel_assign.hpp"

namespace residual {

/// A matrix that lives until the end of its scope.
template <class S>
using Temp = ParallelAssign<typename Workspace<S>::Temp>;

/// n matrices [tokens x dim] that live until the end of their scope.
template <class S>
class Temps {
 public:
  /// Entries start undefined.
  Temps(const Pass<S>& pass, Index n, Index dim)
      : executor_(pass.executor), memory_(pass.workspace, n * pass.tokens(), dim), n_(n), tokens_(pass.tokens()) {}

  /// Matrix i.
  ParallelAssign<Out<S>> operator[](Index i) { return window(i, 1); }
  /// All of them, one below the other: [n tokens x dim].
  ParallelAssign<Out<S>> all() { return window(0, n_); }
  Index count() const { return n_; }

 private:
  ParallelAssign<Out<S>> window(Index i, Index n) {
    const Index dim = memory_.cols();
    return ParallelAssign<Out<S>>(executor_, offset(memory_.data(), i * tokens_ * dim), n * tokens_, dim, dim);
  }

  const Executor& executor_;
  typename Workspace<S>::Temp memory_;
  Index n_, tokens_;
};

/// Shows streams to observers and to block checkpointing until the end of its scope.
template <class S>
class ShownStreams {
 public:
  /// `count` streams, one below the other in `all`, behind those of the chain that ends at `last`.
  ShownStreams(const typename Streams<S>::Link*& last, Out<S> all, Index count) : last_(last), link_{last, all, count} {
    last_ = &link_;
  }
  ShownStreams(const ShownStreams&) = delete;
  ShownStreams& operator=(const ShownStreams&) = delete;
  ~ShownStreams() { last_ = link_.before; }

 private:
  const typename Streams<S>::Link*& last_;
  typename Streams<S>::Link link_;
};

/// A residual stream [tokens x dim] that lives until the end of its scope. Made by `Sublayers::stream`.
template <class S>
class Stream : public Temp<S> {
 public:
  using Temp<S>::operator=;
  /// Calls start(stream), which fills it.
  template <class Start>
  Stream(const Pass<S>& pass, Index dim, const typename Streams<S>::Link*& last, const Start& start)
      : Temp<S>(pass.executor, pass.workspace, pass.tokens(), dim), shown_(last, *this, 1) {
    start(*this);
  }
  Stream(const Stream&) = delete;
  /// Copies the numbers.
  Stream& operator=(const Stream& other) {
    Temp<S>::operator=(other);
    return *this;
  }

 private:
  ShownStreams<S> shown_;
};

/// n residual streams. Made by `Sublayers::streams`.
template <class S>
class StreamArray : public Temps<S> {
 public:
  /// Calls start(streams), which fills them.
  template <class Start>
  StreamArray(const Pass<S>& pass, Index n, Index dim, const typename Streams<S>::Link*& last, const Start& start)
      : Temps<S>(pass, n, dim), shown_(last, this->all(), n) {
    start(*this);
  }

 private:
  ShownStreams<S> shown_;
};

/// A stream as it was in front of a sub-layer: a window that lives until the end of its scope. Made by
/// `Sublayers::stream_before`.
template <class S>
class StreamBefore {
 public:
  /// A window on what lies somewhere.
  StreamBefore(const Pass<S>& pass, In<S> x) : memory_(pass.workspace, 0, x.cols()), x_(x) {}
  /// What compute(u) returns: u, or a window on where it lies.
  template <class Compute>
  StreamBefore(const Pass<S>& pass, Index dim, const Compute& compute)
      : memory_(pass.workspace, pass.tokens(), dim), x_(compute(Out<S>(memory_))) {}

  operator In<S>() const { return x_; }

 private:
  typename Workspace<S>::Temp memory_;
  In<S> x_;
};

}  // namespace residual
