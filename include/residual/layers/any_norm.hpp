#pragma once

#include <memory>

#include "residual/layers/layer_norm.hpp"

namespace residual {

/// A norm that is chosen at run time, LayerNorm, RMSNorm, Identity or one of one's own: schemes of it are of one type and
/// compile once. It computes what the norm itself does, bit for bit.
template <class S>
class AnyNorm {
  /// Parameters or tape of the norm.
  struct Tree {
    const void* type;  ///< Of::type()
    explicit Tree(const void* t) : type(t) {}
    virtual ~Tree() = default;
  };

 public:
  using Scalar = S;
  Index dim;  ///< of the norm; 0: any

  /// Holds the norm.
  template <Norm N>
    requires(!std::same_as<N, AnyNorm> && std::same_as<typename N::Scalar, S>)
  AnyNorm(const N& norm) : dim(0), norm_(std::make_shared<const Of<N>>(norm)) { dim = norm_->dim(); }
  /// A LayerNorm of so many features.
  explicit AnyNorm(Index features) : AnyNorm(LayerNorm<S>(features)) {}
  bool operator==(const AnyNorm& other) const { return norm_->equals(*other.norm_); }
  void check() const {
    norm_->check();
    expect(dim == norm_->dim(), "AnyNorm: dim is ", dim, ", but its norm has ", norm_->dim(),
           " features; hold another norm instead of changing dim.");
  }
  /// The norm without its bias, if it has one.
  AnyNorm without_bias() const { return norm_->without_bias(); }

  class Params {
   public:
    void carve(Carver<S>& c, const AnyNorm& norm) {
      if (tree_ == nullptr) tree_ = norm.norm_->params();
      norm.norm_->carve(*tree_, c);
    }

   private:
    friend class AnyNorm;
    std::unique_ptr<Tree> tree_;
  };
  class Tape {
   public:
    void carve(Carver<S>& c, const AnyNorm& norm, const Pass<S>& pass) {
      if (tree_ == nullptr) tree_ = norm.norm_->tape();
      norm.norm_->carve(*tree_, c, pass);
    }

   private:
    friend class AnyNorm;
    std::unique_ptr<Tree> tree_;
  };

  /// x may be any expression of rows; it is written to y first.
  template <class X>
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const Eigen::DenseBase<X>& x, Out<S> y) const {
    parallel_ranges(pass.executor, x.rows(), row_grain(x.cols()), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) y.row(i) = x.row(i);
    });
    norm_->forward(*p.tree_, *t.tree_, pass, y);
  }
  In<S> output(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const {
    return norm_->output(*p.tree_, *t.tree_, pass, u);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    norm_->backward(*p.tree_, *t.tree_, pass, dy, dx, *g.tree_);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const void* type() const = 0;  ///< an address that each type of norm has of its own
    virtual bool equals(const Interface& other) const = 0;
    virtual Index dim() const = 0;
    virtual void check() const = 0;
    virtual AnyNorm without_bias() const = 0;
    virtual std::unique_ptr<Tree> params() const = 0;
    virtual std::unique_ptr<Tree> tape() const = 0;
    virtual void carve(Tree& params, Carver<S>& c) const = 0;
    virtual void carve(Tree& tape, Carver<S>& c, const Pass<S>& pass) const = 0;
    /// y = norm(y).
    virtual void forward(const Tree& p, Tree& t, const Pass<S>& pass, Out<S> y) const = 0;
    virtual In<S> output(const Tree& p, const Tree& t, const Pass<S>& pass, Out<S> u) const = 0;
    virtual void backward(const Tree& p, const Tree& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Tree& g) const = 0;
  };

  template <class N>
  struct Of final : Interface {
    struct OwnParams final : Tree {
      OwnParams() : Tree(own_type()) {}
      typename N::Params own;
    };
    struct OwnTape final : Tree {
      OwnTape() : Tree(own_type()) {}
      typename N::Tape own;
    };
    N norm;

    explicit Of(const N& n) : norm(n) {}
    static const void* own_type() {
      static constexpr char of_type = 0;
      return &of_type;
    }
    const void* type() const override { return own_type(); }
    bool equals(const Interface& other) const override {
      return other.type() == type() && static_cast<const Of&>(other).norm == norm;
    }
    Index dim() const override {
      if constexpr (requires { norm.dim; }) return norm.dim;
      return 0;
    }
    void check() const override { norm.check(); }
    AnyNorm without_bias() const override {
      N bare = norm;
      if constexpr (requires { bare.bias; }) bare.bias = false;
      return bare;
    }
    std::unique_ptr<Tree> params() const override { return std::make_unique<OwnParams>(); }
    std::unique_ptr<Tree> tape() const override { return std::make_unique<OwnTape>(); }
    void carve(Tree& params, Carver<S>& c) const override { of(params).carve(c, norm); }
    void carve(Tree& tape, Carver<S>& c, const Pass<S>& pass) const override {
      ours<OwnTape>(tape).own.carve(c, norm, pass);
    }
    void forward(const Tree& p, Tree& t, const Pass<S>& pass, Out<S> y) const override {
      norm.forward(of(p), ours<OwnTape>(t).own, pass, y, y);
    }
    In<S> output(const Tree& p, const Tree& t, const Pass<S>& pass, Out<S> u) const override {
      if constexpr (requires(const typename N::Tape& own) { norm.output(of(p), own, pass, u); }) {
        return norm.output(of(p), ours<const OwnTape>(t).own, pass, u);
      } else {
        expect(false,
               "The output of a norm was asked for again, which this norm does not keep: give it `In<S> output(const "
               "Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const`.");
        return u;
      }
    }
    void backward(const Tree& p, const Tree& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Tree& g) const override {
      norm.backward(of(p), ours<const OwnTape>(t).own, pass, dy, dx, of(g));
    }
    static typename N::Params& of(Tree& params) { return ours<OwnParams>(params).own; }
    static const typename N::Params& of(const Tree& params) { return ours<const OwnParams>(params).own; }
    /// The tree of this type. Those of another type may have tensors of the same names and shapes.
    template <class Own, class T>
    static Own& ours(T& tree) {
      expect(tree.type == own_type(),
             "Parameters or a tape were made for another norm, whose tensors have the same names and shapes; make "
             "them for this model.");
      return static_cast<Own&>(tree);
    }
  };

  std::shared_ptr<const Interface> norm_;
};

}  // namespace residual
