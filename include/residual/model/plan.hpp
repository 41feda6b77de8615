#pragma once

#include "residual/core/large_pages.hpp"
#include "residual/kernel/panels.hpp"
#include "residual/model/tape.hpp"

namespace residual {

/// Weights for inference, packed once as the products read them: forward passes have the same bits as with the
/// parameters it was made from, and need not pack anything. Immutable, so threads may share it; it holds a copy of the
/// numbers beside the packed ones. Worth it when many passes use the same weights.
template <Model M>
class Plan {
 public:
  using S = typename M::Scalar;

  /// Copies and packs.
  explicit Plan(const Parameters<M>& theta) : theta_(theta) {
    theta.expect_every_view("Plan");
    std::vector<WeightView<S>*> weights;
    Carver<S> walk(theta_.data(), 1, nullptr, &weights);
    theta_->carve(walk, theta_.model());
    Index size = 0;
    for (const auto* W : weights) size += gemm::panels_size<S>(W->rows(), W->cols());
    panels_.resize(size);
    prefer_large_pages(panels_);
    S* next = panels_.data();
    for (auto* W : weights) {
      gemm::pack<S>(In<S>(*W), next);
      W->panels = next;
      next += gemm::panels_size<S>(W->rows(), W->cols());
    }
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// The numbers, whose weights know their panels. A copy of them does not.
  const Parameters<M>& parameters() const { return theta_; }

 private:
  Parameters<M> theta_;
  Column<S> panels_;
};

/// y = model(input) with the plan's weights: see Tape::forward.
template <Model M>
In<typename M::Scalar> forward(const M& model, const Plan<M>& plan, Tape<M>& tape, const typename M::Input& input) {
  return forward(model, plan.parameters(), tape, input);
}
/// y = model(input) with the plan's weights and the input's first fields one by one.
template <Model M, class... Fields>
  requires(sizeof...(Fields) > 0)
In<typename M::Scalar> forward(const M& model, const Plan<M>& plan, Tape<M>& tape, const Batch& batch,
                               Fields&&... fields) {
  return forward(model, plan.parameters(), tape, batch, std::forward<Fields>(fields)...);
}

}  // namespace residual
