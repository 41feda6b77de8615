#pragma once

#include <concepts>

#include "residual/core/arena.hpp"
#include "residual/core/lasting.hpp"
#include "residual/core/parameters.hpp"
#include "residual/model/input.hpp"

namespace residual {

/// Something that can be trained: parameters, a tape, a check of its input that throws sentences, and forward and
/// backward between an input and a matrix.
template <class M>
concept Model = Component<M> &&
    requires(const M& model, const typename M::Params& p, typename M::Params& g, typename M::Tape& t,
             const typename M::Input& input, const typename M::Gradient& dinput, const Call<typename M::Scalar>& call,
             Carver<typename M::Scalar>& carver, In<typename M::Scalar> in, Out<typename M::Scalar> out) {
  model.check(input);
  model.check(input, dinput);
  { model.output_rows(input) } -> std::convertible_to<Index>;
  { model.output_cols() } -> std::convertible_to<Index>;
  t.carve(carver, model, input, call);
  model.forward(p, t, input, call, out);
  model.backward(p, t, input, call, in, dinput, g);
};

/// What passes through a tape. For inference it keeps one sub-layer's worth of memory, whatever the depth, and what the scheme itself reads again.
enum class Keep { for_backward, nothing };

/// What one thread needs for passes through a model: it holds what backward will need and all temporaries, grows with
/// the largest batch seen and then allocates nothing more. Model and parameters may be shared by many threads, a tape not.
template <class M>
class Tape {
 public:
  using Scalar = typename M::Scalar;
  using S = Scalar;
  using Input = typename M::Input;

  /// The executor, and an observer if any, must outlive the tape.
  explicit Tape(const M& model, Keep keep = Keep::for_backward, const Executor& executor = Serial::instance())
      : model_(model), shape_(Parameters<M>::fingerprint(model)), keep_(keep), executor_(&executor) {}
  /// For training on an executor.
  Tape(const M& model, const Executor& executor) : Tape(model, Keep::for_backward, executor) {}
  Tape(const M&, Keep, const Executor&&) = delete;  // it would not outlive the tape
  Tape(const M&, const Executor&&) = delete;
  /// Takes the memory; what was moved from may only be destroyed.
  Tape(Tape&&) = default;

  /// From now on `observer` sees every sub-layer; nullptr: nobody.
  void observe(Observer<S>* observer) { observer_ = observer; }
  /// The model's output in the last forward pass.
  In<S> y() const { return y_; }
  /// Bytes held for activations and temporaries.
  std::size_t bytes() const { return sizeof(S) * std::size_t(memory_.size() + workspace_.capacity()); }
  /// Overwrites all memory: with NaN it shows who reads what nobody wrote.
  void fill(S value) {
    memory_.fill(value);
    workspace_.fill(value);
    ready_ = false;
  }

  /// Computes y. Throws std::invalid_argument, with nothing changed, when model, parameters or input do not fit.
  In<S> forward(const M& model, const Parameters<M>& theta, const Input& input);

  /// Adds the gradient of <y, dy> to `gradient` and `dinput`. Throws as forward does, when no forward pass was kept, and when
  /// the gradient is theta itself.
  void backward(const M& model, const Parameters<M>& theta, In<S> dy, Parameters<M>& gradient,
                const typename M::Gradient& dinput);

 private:
  Call<S> call() { return {workspace_, *executor_, observer_, keep_ == Keep::for_backward}; }

  void expect_ours(const M& model, const Parameters<M>& parameters, const char* who) const {
    expect(model == model_, who, ": the tape was made for another model; make one with Tape(model).");
    expect(parameters.fingerprint() == shape_, who, ": the parameters (", parameters.size(),
           " numbers) belong to a model of another shape; make them with Parameters(model) of this model.");
  }

  M model_;
  std::uint64_t shape_;
  Keep keep_;
  const Executor* executor_;
  Observer<S>* observer_ = nullptr;
  Arena<S> memory_;
  Workspace<S> workspace_;
  typename M::Tape tree_;
  TokensView<S> y_;
  std::optional<Input> input_;
  bool ready_ = false;
};

// Not inline, so that extern templates spare their users all that these instantiate: see precompiled.hpp.
template <class M>
auto Tape<M>::forward(const M& model, const Parameters<M>& theta, const Input& input) -> In<S> {
  expect_ours(model, theta, "forward");
  theta.expect_every_view("forward");
  model.check(input);
  expect_outside("forward", memory_, input);
  ready_ = false;
  input_.emplace(input);
  const Call<S> call = this->call();
  memory_.bind([&](Carver<S>& c) {
    c("y", y_, model.output_rows(input), model.output_cols());
    c("", tree_, model, *input_, call);
  });
  model.forward(*theta, tree_, *input_, call, y_);
  workspace_.settle();
  ready_ = keep_ == Keep::for_backward;
  return y_;
}
template <class M>
void Tape<M>::backward(const M& model, const Parameters<M>& theta, In<S> dy, Parameters<M>& gradient,
                       const typename M::Gradient& dinput) {
  expect_ours(model, theta, "backward");
  theta.expect_every_view("backward");
  expect_ours(model, gradient, "backward");
  expect(&gradient != &theta,
         "backward: the gradient is theta itself; give it parameters of its own, Parameters(model).");
  expect(keep_ == Keep::for_backward,
         "backward: this tape was made with Keep::nothing, which keeps no activations; make one with Tape(model).");
  expect(ready_, "backward: there is no forward pass on this tape yet; call forward first.");
  expect_shape("backward: dy", dy, y_.rows(), y_.cols(), "the shape of the model's output");
  model.check(*input_, dinput);
  model.backward(*theta, tree_, *input_, call(), dy, dinput, *gradient);
  workspace_.settle();
}

/// y = model(input): see Tape::forward. The window shows the tape's memory, until its next forward pass.
template <Model M>
In<typename M::Scalar> forward(const M& model, const Parameters<M>& theta, Tape<M>& tape,
                               const typename M::Input& input) {
  return tape.forward(model, theta, input);
}
/// y = model(input) with the input's first fields one by one: forward(model, theta, tape, batch, x). They must stay as they
/// are until backward has run, so a temporary matrix is refused.
template <Model M, class... Fields>
  requires(sizeof...(Fields) > 0)
In<typename M::Scalar> forward(const M& model, const Parameters<M>& theta, Tape<M>& tape, const Batch& batch,
                               Fields&&... fields) {
  using Input = typename M::Input;
  constexpr bool fit = requires { Input{batch, fields...}; };
  static_assert(
      fit,
      "forward: what stands behind the batch is no beginning of the model's Input; matrices must be row-major "
      "and of the model's scalar: store others in a Tokens<float> first, and tokens in a std::vector<int>.");
  if constexpr (fit) return tape.forward(model, theta, Input{batch, std::forward<Fields>(fields)...});
}

/// gradient += (dy/dtheta)^T dy and, where wanted, dinput += (dy/dinput)^T dy: see Tape::backward.
template <Model M>
void backward(const M& model, const Parameters<M>& theta, Tape<M>& tape, In<typename M::Scalar> dy,
              Parameters<M>& gradient, const typename M::Gradient& dinput = {}) {
  tape.backward(model, theta, dy, gradient, dinput);
}
/// Says what a dy must be that is no such window.
template <Model M, class Dy>
  requires(!std::convertible_to<const Dy&, In<typename M::Scalar>>)
void backward(const M&, const Parameters<M>&, Tape<M>&, const Dy&, Parameters<M>&, const typename M::Gradient& = {}) {
  static_assert(sizeof(Dy) == 0,
                "backward: dy must be row-major and of the model's scalar; store it in a Tokens<float> first.");
}

}  // namespace residual
