#pragma once

#include "residual/model/tape.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "support/scene.hpp"

namespace test_support {

using residual::Column;
using residual::Parameters;

/// The loss <y, c> of a model as a function of all that has a gradient, parameters and then the world's variables in
/// one vector; and its gradient. A world is what the model reads, such as a Scene.
template <residual::Model M, class World>
class GradientProblem {
 public:
  using S = typename M::Scalar;
  static constexpr std::size_t variables = std::tuple_size_v<decltype(World::variable_names)>;

  GradientProblem(const M& model, World world, const Column<S>& parameters, const Tokens<S>& cotangent)
      : model_(model), theta_(model), world_(std::move(world)), c_(cotangent), tape_(model) {
    theta_.flat() = parameters;
  }

  Column<S> flat() {
    Column<S> all = theta_.flat();
    for (const auto* m : world_.variables()) append(all, *m);
    return all;
  }
  residual::Manifest names() {
    auto names = theta_.manifest();
    Index offset = theta_.size();
    for (std::size_t i = 0; i < variables; ++i) {
      const auto& m = *world_.variables()[i];
      if (m.size() > 0) {
        names.push_back({World::variable_names[i], offset, m.rows(), m.cols(), residual::Layout::matrix});
      }
      offset += m.size();
    }
    return names;
  }

  S loss(const Column<S>& all) {
    const S* from = all.data();
    std::copy_n(from, theta_.size(), theta_.data());
    from += theta_.size();
    for (auto* m : world_.variables()) {
      std::copy_n(from, m->size(), m->data());
      from += m->size();
    }
    return c_.cwiseProduct(tape_.forward(model_, theta_, input())).sum();
  }

  /// backward adds: so the buffers start anywhere, and the start is taken away afterwards.
  Column<S> gradient(Random& random) {
    Parameters<M> g(model_);
    const Column<S> g0 = random.tokens(g.size(), 1).template cast<S>();
    std::array<Tokens<S>, variables> d, d0;
    for (std::size_t i = 0; i < variables; ++i) {
      const auto& m = *world_.variables()[i];
      d[i] = d0[i] = random.tokens(m.rows(), m.cols()).template cast<S>();
    }
    g.flat() = g0;
    tape_.forward(model_, theta_, input());
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      tape_.backward(model_, theta_, c_, g, {residual::Out<S>(d[I])...});
    }
    (std::make_index_sequence<variables>());
    Column<S> all = g.flat() - g0;
    for (std::size_t i = 0; i < variables; ++i) append(all, d[i] - d0[i]);
    return all;
  }

 private:
  typename M::Input input() const { return world_.template input<M>(); }
  static void append(Column<S>& all, const Tokens<S>& m) {
    const Index size = all.size();
    all.conservativeResize(size + m.size());
    std::copy_n(m.data(), m.size(), all.data() + size);
  }

  M model_;
  Parameters<M> theta_;
  World world_;
  Tokens<S> c_;
  residual::Tape<M> tape_;
};

/// What `check_gradient` compares with: differences of every entry, or one a tensor.
enum class Differences { by_entry, by_tensor };

/// The gradient that the model make(S()) computes in S, against differences of make(long double()) at the same point,
/// which double can represent.
template <class S = double, class Make, template <class> class World>
residual::GradientReport<long double> check_gradient(const Make& make, const World<double>& world, Random& random,
                                                     long double tolerance = 1e-11L,
                                                     Differences differences = Differences::by_entry) {
  using T = long double;
  const auto model = make(1.0);
  Parameters theta(model);
  randomise(theta, random.bits());
  const Tokens<double> c = random.tokens(world.batch.tokens(), model.output_cols());
  const auto problem = [&]<class Scalar>(Scalar s) {
    return GradientProblem(make(s), world.template cast<Scalar>(), Column<Scalar>(theta.flat().template cast<Scalar>()),
                           Tokens<Scalar>(c.template cast<Scalar>()));
  };
  auto theirs = problem(T());
  const auto f = [&](const Column<T>& all) { return theirs.loss(all); };
  const residual::GradientOptions<T> options{.tolerance = tolerance};
  const Column<T> x = theirs.flat();
  const Column<S> gradient = problem(S()).gradient(random);
  return differences == Differences::by_entry ? gradient_check(f, x, gradient, theirs.names(), options)
                                              : gradient_check_by_tensor(f, x, gradient, theirs.names(), options);
}

}  // namespace test_support
