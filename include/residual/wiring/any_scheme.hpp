#pragma once

#include <memory>

#include "residual/core/erased.hpp"
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
      if (own_.empty()) own_ = w.scheme_->params();
      w.scheme_->carve_params(own_, list);
    }

   private:
    friend class AnyScheme;
    Erased own_;
  };
  class Tape {
   public:
    void carve(TapeListing<S>& list, const AnyScheme& w) {
      if (own_.empty()) own_ = w.scheme_->tape();
      w.scheme_->carve_tape(own_, list);
    }

   private:
    friend class AnyScheme;
    Erased own_;
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    scheme_->forward(p.own_, t.own_, f, x0, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0, Params& g) const {
    scheme_->backward(p.own_, t.own_, f, x0, dy, dx0, g.own_);
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
    virtual Erased params() const = 0;
    virtual Erased tape() const = 0;
    virtual void carve_params(Erased& params, ParamListing<S>& list) const = 0;
    virtual void carve_tape(Erased& tape, TapeListing<S>& list) const = 0;
    virtual void forward(const Erased& p, Erased& t, Sublayers<S>& f, In<S> x0, Out<S> y) const = 0;
    virtual void backward(const Erased& p, const Erased& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0,
                          Erased& g) const = 0;
  };

  template <class W>
  struct Of final : Interface {
    // Types of their own, so that those of two schemes that share theirs are told apart.
    struct Params : W::Params {};
    struct Tape : W::Tape {};
    static constexpr const char* who = "residual scheme";
    W scheme;

    explicit Of(const W& w) : scheme(w) {}
    const void* type() const override { return &Erased::type_of<W>; }
    bool equals(const Interface& other) const override {
      return other.type() == type() && static_cast<const Of&>(other).scheme == scheme;
    }
    Index dim() const override { return scheme.dim(); }
    Index streams() const override { return stream_count(scheme); }
    void check() const override {
      if constexpr (requires { scheme.check(); }) scheme.check();
    }
    AnyScheme without_bias() const override { return residual::without_bias(scheme); }
    Erased params() const override { return Erased::make<Params>(); }
    Erased tape() const override { return Erased::make<Tape>(); }
    void carve_params(Erased& params, ParamListing<S>& list) const override {
      params.as<Params>(who).carve(list, scheme);
    }
    void carve_tape(Erased& tape, TapeListing<S>& list) const override { tape.as<Tape>(who).carve(list, scheme); }
    void forward(const Erased& p, Erased& t, Sublayers<S>& f, In<S> x0, Out<S> y) const override {
      scheme.forward(p.as<Params>(who), t.as<Tape>(who), f, x0, y);
    }
    void backward(const Erased& p, const Erased& t, Sublayers<S>& f, In<S> x0, In<S> dy, Out<S> dx0,
                  Erased& g) const override {
      scheme.backward(p.as<Params>(who), t.as<Tape>(who), f, x0, dy, dx0, g.as<Params>(who));
    }
  };

  std::shared_ptr<const Interface> scheme_;
};

}  // namespace residual
