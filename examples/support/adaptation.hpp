#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "residual/adapt/low_rank.hpp"
#include "residual/core/parameter_groups.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/initialise.hpp"

/// A model that is being trained, all of it or some: the parameters that it runs with, and what a step changes.
template <class M>
class Adaptation {
 public:
  virtual ~Adaptation() = default;
  /// What the model runs with.
  virtual const residual::Parameters<M>& parameters() const = 0;
  /// One step down the gradient of these parameters, of what the set of that number trains.
  virtual void step(const residual::Parameters<M>& gradient, double rate, std::size_t set = 0) = 0;
  /// How many numbers all sets together train.
  virtual residual::Index trained() const = 0;
};

/// The options of all optimizers here: no weight decay, which would pull at a base model, too.
inline constexpr residual::AdamWOptions adaptation_options{.beta2 = 0.98, .weight_decay = 0};

/// A model of which some tensors, or all, are trained themselves.
template <class M>
class Tuned final : public Adaptation<M> {
 public:
  /// With one set of parameters.
  Tuned(residual::Parameters<M> theta, const residual::ParameterGroups& groups)
      : theta_(std::move(theta)), adam_(groups, adaptation_options), trained_(groups.trained()) {}

  const residual::Parameters<M>& parameters() const override { return theta_; }
  void step(const residual::Parameters<M>& gradient, double rate, std::size_t = 0) override {
    adam_.step(theta_.flat(), gradient.flat(), rate);
  }
  residual::Index trained() const override { return trained_; }

 private:
  residual::Parameters<M> theta_;
  residual::AdamW<float> adam_;
  residual::Index trained_;
};

/// A model with an adapter in front of its parameters: the adapter's numbers phi are trained, and tensors of the model
/// itself beside them.
template <class M, class Adapter>
class Adapted final : public Adaptation<M> {
 public:
  /// The adapter lies between theta and a model of the shape of `adapted`; phi begins as the seed says.
  Adapted(residual::Parameters<M> theta, residual::Parameters<M> adapted, const Adapter& adapter, std::uint64_t seed)
      : theta_(std::move(theta)),
        dtheta_(theta_),
        adapted_(std::move(adapted)),
        adapter_(adapter),
        phi_(adapter),
        dphi_(adapter) {
    residual::initialise(phi_, seed, residual::FanIn());
    adapter_.apply(theta_, phi_, adapted_);
  }
  /// The model's own parameters, and the adapter's.
  const residual::Parameters<M>& theta() const { return theta_; }
  const residual::Parameters<Adapter>& phi() const { return phi_; }
  /// Adds a set: what it trains of both. There must be one, and what two sets train must not overlap.
  void add_set(const residual::ParameterGroups& of_theta, const residual::ParameterGroups& of_phi) {
    trained_ += of_theta.trained() + of_phi.trained();
    sets_.push_back(
        {residual::AdamW<float>(of_theta, adaptation_options), residual::AdamW<float>(of_phi, adaptation_options)});
  }

  const residual::Parameters<M>& parameters() const override { return adapted_; }
  void step(const residual::Parameters<M>& gradient, double rate, std::size_t set = 0) override {
    dtheta_.flat().setZero();
    dphi_.flat().setZero();
    adapter_.pull_base(phi_, gradient, dtheta_);
    adapter_.pull(theta_, phi_, gradient, dphi_);
    sets_[set].theta.step(theta_.flat(), dtheta_.flat(), rate);
    sets_[set].phi.step(phi_.flat(), dphi_.flat(), rate);
    adapter_.apply(theta_, phi_, adapted_);
  }
  residual::Index trained() const override { return trained_; }

 private:
  struct Optimizers {
    residual::AdamW<float> theta, phi;
  };

  residual::Parameters<M> theta_, dtheta_, adapted_;
  Adapter adapter_;
  residual::Parameters<Adapter> phi_, dphi_;
  std::vector<Optimizers> sets_;
  residual::Index trained_ = 0;
};

/// Parameters of `model`: the base model's where it has the tensor, else drawn from the seed as torch.nn draws them.
template <class M, class B>
residual::Parameters<M> extended(const residual::Parameters<B>& base, const M& model, std::uint64_t seed) {
  residual::Parameters<M> theta(model);
  residual::initialise(theta, seed, residual::FanIn());
  for (const residual::ManifestEntry& tensor : base.manifest()) theta[tensor.name] = base[tensor.name];
  return theta;
}

/// A model of which all tensors are trained.
template <class M>
std::unique_ptr<Adaptation<M>> all_tuned(const residual::Parameters<M>& theta) {
  return std::make_unique<Tuned<M>>(theta, residual::ParameterGroups(theta));
}

/// A model with a LoRA at the linear maps of attention; `beside` says what of the model itself is trained, too.
template <class M>
std::unique_ptr<Adaptation<M>> low_rank_tuned(const residual::Parameters<M>& theta, residual::Index rank,
                                              std::uint64_t seed, const residual::ParameterGroups& beside) {
  using namespace residual;
  const LowRank<float> adapter(AdaptedMaps(theta, parts::attention), {.rank = rank, .alpha = double(rank)});
  auto adapted = std::make_unique<Adapted<M, LowRank<float>>>(theta, theta, adapter, seed);
  adapted->add_set(beside, ParameterGroups(adapted->phi()));
  return adapted;
}
