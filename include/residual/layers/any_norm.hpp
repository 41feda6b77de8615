#pragma once

#include <memory>

#include "residual/core/erased.hpp"
#include "residual/layers/layer_norm.hpp"

namespace residual {

/// A norm that is chosen at run time, LayerNorm, RMSNorm, Identity or one of one's own: schemes of it are of one type and
/// compile once. It computes what the norm itself does, bit for bit.
template <class S>
class AnyNorm {
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
      if (own_.empty()) own_ = norm.norm_->params();
      norm.norm_->carve_params(own_, c);
    }

   private:
    friend class AnyNorm;
    Erased own_;
  };
  class Tape {
   public:
    void carve(Carver<S>& c, const AnyNorm& norm, const Pass<S>& pass) {
      if (own_.empty()) own_ = norm.norm_->tape();
      norm.norm_->carve_tape(own_, c, pass);
    }

   private:
    friend class AnyNorm;
    Erased own_;
  };

  /// x may be any expression of rows.
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const RowSource<S>& x, Out<S> y) const {
    norm_->forward(p.own_, t.own_, pass, x, y);
  }
  In<S> output(const Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const {
    return norm_->output(p.own_, t.own_, pass, u);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx, Params& g) const {
    norm_->backward(p.own_, t.own_, pass, dy, dx, g.own_);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const void* type() const = 0;  ///< an address that each type of norm has of its own
    virtual bool equals(const Interface& other) const = 0;
    virtual Index dim() const = 0;
    virtual void check() const = 0;
    virtual AnyNorm without_bias() const = 0;
    virtual Erased params() const = 0;
    virtual Erased tape() const = 0;
    virtual void carve_params(Erased& params, Carver<S>& c) const = 0;
    virtual void carve_tape(Erased& tape, Carver<S>& c, const Pass<S>& pass) const = 0;
    virtual void forward(const Erased& p, Erased& t, const Pass<S>& pass, const RowSource<S>& x, Out<S> y) const = 0;
    virtual In<S> output(const Erased& p, const Erased& t, const Pass<S>& pass, Out<S> u) const = 0;
    virtual void backward(const Erased& p, const Erased& t, const Pass<S>& pass, In<S> dy, Out<S> dx,
                          Erased& g) const = 0;
  };

  template <class N>
  struct Of final : Interface {
    // Types of their own, so that those of two norms that share theirs are told apart.
    struct Params : N::Params {};
    struct Tape : N::Tape {};
    static constexpr const char* who = "norm";
    N norm;

    explicit Of(const N& n) : norm(n) {}
    const void* type() const override { return &Erased::type_of<N>; }
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
    Erased params() const override { return Erased::make<Params>(); }
    Erased tape() const override { return Erased::make<Tape>(); }
    void carve_params(Erased& params, Carver<S>& c) const override { params.as<Params>(who).carve(c, norm); }
    void carve_tape(Erased& tape, Carver<S>& c, const Pass<S>& pass) const override {
      tape.as<Tape>(who).carve(c, norm, pass);
    }
    void forward(const Erased& p, Erased& t, const Pass<S>& pass, const RowSource<S>& x, Out<S> y) const override {
      norm.forward(p.as<Params>(who), t.as<Tape>(who), pass, x, y);
    }
    In<S> output(const Erased& p, const Erased& t, const Pass<S>& pass, Out<S> u) const override {
      if constexpr (requires(const typename N::Tape& own) { norm.output(p.as<Params>(who), own, pass, u); }) {
        return norm.output(p.as<Params>(who), t.as<Tape>(who), pass, u);
      } else {
        expect(false,
               "The output of a norm was asked for again, which this norm does not keep: give it `In<S> output(const "
               "Params& p, const Tape& t, const Pass<S>& pass, Out<S> u) const`.");
        return u;
      }
    }
    void backward(const Erased& p, const Erased& t, const Pass<S>& pass, In<S> dy, Out<S> dx,
                  Erased& g) const override {
      norm.backward(p.as<Params>(who), t.as<Tape>(who), pass, dy, dx, g.as<Params>(who));
    }
  };

  std::shared_ptr<const Interface> norm_;
};

}  // namespace residual
