#pragma once

#include <memory>

#include "residual/wiring/wiring.hpp"

namespace residual {

/// A residual scheme that is chosen at run time:
///
///     AnyScheme<float> scheme = name == "post_ln" ? AnyScheme<float>(PostLN<float>(64)) : PreLN<float>(64);
///
/// A stack of it computes what a stack of the scheme itself computes, bit for bit; models of all schemes are of one type, and
/// compile once.
template <class S>
class AnyScheme {
  /// Parameters or tape of the scheme.
  struct Tree {
    const void* type;  ///< Of::type()
    explicit Tree(const void* t) : type(t) {}
    virtual ~Tree() = default;
  };

 public:
  using Scalar = S;

  /// Holds the scheme.
  template <Wiring W>
    requires(!std::same_as<W, AnyScheme> && std::same_as<typename W::Scalar, S>)
  AnyScheme(const W& scheme) : scheme_(std::make_shared<const Of<W>>(scheme)) {}
  /// Both hold it then: a copy costs a count.
  AnyScheme(const AnyScheme&) = default;
  AnyScheme& operator=(const AnyScheme&) = default;
  bool operator==(const AnyScheme& other) const { return scheme_->equals(*other.scheme_); }
  Index dim() const { return scheme_->dim(); }
  Index streams() const { return scheme_->streams(); }
  void check() const { scheme_->check(); }
  /// The scheme, whose norms have no biases. Throws when it does not say which norms it has.
  AnyScheme without_bias() const { return scheme_->without_bias(); }

  class Params {
   public:
    void carve(ParamListing<S>& list, const AnyScheme& w) {
      if (tree_ == nullptr) tree_ = w.scheme_->params();
      w.scheme_->carve(*tree_, list);
    }

   private:
    friend class AnyScheme;
    std::unique_ptr<Tree> tree_;
  };
  class Tape {
   public:
    void carve(TapeListing<S>& list, const AnyScheme& w) {
      if (tree_ == nullptr) tree_ = w.scheme_->tape();
      w.scheme_->carve(*tree_, list);
    }

   private:
    friend class AnyScheme;
    std::unique_ptr<Tree> tree_;
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    scheme_->forward(*p.tree_, *t.tree_, f, x0, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    scheme_->backward(*p.tree_, *t.tree_, f, x0, dy, dx0, *g.tree_);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const void* type() const = 0;  ///< an address that each type of scheme has of its own
    virtual bool equals(const Interface& other) const = 0;
    virtual Index dim() const = 0;
    virtual Index streams() const = 0;
    virtual void check() const = 0;
    virtual AnyScheme without_bias() const = 0;
    virtual std::unique_ptr<Tree> params() const = 0;
    virtual std::unique_ptr<Tree> tape() const = 0;
    virtual void carve(Tree& params, ParamListing<S>& list) const = 0;
    virtual void carve(Tree& tape, TapeListing<S>& list) const = 0;
    virtual void forward(const Tree& p, Tree& t, Sublayers<S>& f, In<S> x0, Out<S> y) const = 0;
    virtual void backward(const Tree& p, const Tree& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0,
                          Tree& g) const = 0;
  };

  template <class W>
  struct Of final : Interface {
    struct OwnParams final : Tree {
      OwnParams() : Tree(own_type()) {}
      typename W::Params own;
    };
    struct OwnTape final : Tree {
      OwnTape() : Tree(own_type()) {}
      typename W::Tape own;
    };
    W scheme;

    explicit Of(const W& w) : scheme(w) {}
    static const void* own_type() {
      static constexpr char of_type = 0;
      return &of_type;
    }
    const void* type() const override { return own_type(); }
    bool equals(const Interface& other) const override {
      return other.type() == type() && static_cast<const Of&>(other).scheme == scheme;
    }
    Index dim() const override { return scheme.dim(); }
    Index streams() const override { return stream_count(scheme); }
    void check() const override {
      if constexpr (requires { scheme.check(); }) scheme.check();
    }
    AnyScheme without_bias() const override { return residual::without_bias(scheme); }
    std::unique_ptr<Tree> params() const override { return std::make_unique<OwnParams>(); }
    std::unique_ptr<Tree> tape() const override { return std::make_unique<OwnTape>(); }
    void carve(Tree& params, ParamListing<S>& list) const override { of(params).carve(list, scheme); }
    void carve(Tree& tape, TapeListing<S>& list) const override { ours<OwnTape>(tape).own.carve(list, scheme); }
    void forward(const Tree& p, Tree& t, Sublayers<S>& f, In<S> x0, Out<S> y) const override {
      scheme.forward(of(p), ours<OwnTape>(t).own, f, x0, y);
    }
    void backward(const Tree& p, const Tree& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0,
                  Tree& g) const override {
      scheme.backward(of(p), ours<const OwnTape>(t).own, f, x0, dy, dx0, of(g));
    }
    static typename W::Params& of(Tree& params) { return ours<OwnParams>(params).own; }
    static const typename W::Params& of(const Tree& params) { return ours<const OwnParams>(params).own; }
    /// The tree of this type. Those of another type may have tensors of the same names and shapes.
    template <class Own, class T>
    static Own& ours(T& tree) {
      expect(tree.type == own_type(),
             "Parameters or a tape were made for another residual scheme, whose tensors have the same names and "
             "shapes; make "
             "them for this model.");
      return static_cast<Own&>(tree);
    }
  };

  std::shared_ptr<const Interface> scheme_;
};

}  // namespace residual
