#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "residual/adapt/adapted_maps.hpp"
#include "residual/kernel/gemm.hpp"

namespace residual {

/// Options of `LowRank`.
struct LowRankOptions {
  Index rank = 8;    ///< r: columns of A and B
  double alpha = 8;  ///< the product is scaled by alpha / r
};

/// LoRA, Hu et al. 2021 (arXiv:2106.09685), as a map of parameters, so that no layer knows of it; phi holds A [in x r]
/// and B [out x r], at first 0, of every adapted map, q, k and v each their own:
///
///     W' = W + (alpha / r) A B^T
///
///     LowRank<float> adapter(AdaptedMaps(theta, parts::attention), {.rank = 4});
///     Parameters phi(adapter), adapted(model);
///     initialise(phi, 1, FanIn());         // A as in the PEFT library; B is 0 under every rule
///     adapter.apply(theta, phi, adapted);  // run the model on `adapted`, whose gradient dadapted is pulled back:
///     adapter.pull(theta, phi, dadapted, dphi);
///
/// phi's tensors are called `<map>.lora_A.weight` and `<map>.lora_B.weight` and have in files PEFT's shapes, [r, in] and
/// [out, r]. PEFT puts `base_model.model.` in front: NameMap{.prefix = "base_model.model."} reads and writes that.
template <class S>
class LowRank {
 public:
  using Scalar = S;

  /// Of these maps. Throws when an option cannot be.
  explicit LowRank(AdaptedMaps maps, const LowRankOptions& options = {})
      : maps_(std::move(maps)), rank_(options.rank), scale_(S(options.alpha / double(options.rank))) {
    expect(options.rank > 0, "LowRank: rank is ", options.rank, ", but it must be greater than 0.");
    expect(options.alpha >= 0 && std::isfinite(scale_), "LowRank: alpha is ", options.alpha,
           ", but it must be a finite number from 0 on.");
  }
  bool operator==(const LowRank&) const = default;

  /// phi: both factors of every map.
  struct Params {
    /// Of one map.
    struct OfMap {
      WeightView<S> a;
      TokensView<S> b;
    };
    std::vector<OfMap> maps;
    void carve(Carver<S>& c, const LowRank& adapter) {
      if (maps.size() != adapter.maps_.size()) maps = std::vector<OfMap>(adapter.maps_.size());
      for (std::size_t i = 0; i < maps.size(); ++i) {
        const AdaptedMap& map = adapter.maps_[i];
        c.within(map.prefix.c_str(), [&] {
          c.weight("lora_A.weight", maps[i].a, map.inputs, adapter.rank_);
          c("lora_B.weight", maps[i].b, map.outputs, adapter.rank_, starts::zeros().decaying());
        });
      }
    }
  };

  /// adapted = A(theta, phi), which may be theta itself: then the adapter is merged into it. Throws, with nothing changed,
  /// when they do not fit.
  template <class M, class N>
  void apply(const Parameters<M>& theta, const Parameters<LowRank>& phi, Parameters<N>& adapted,
             const Executor& executor = Serial::instance()) const {
    expect_ours("LowRank", phi);
    maps_.start("LowRank", theta, adapted);
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      const AdaptedMap& map = maps_[i];
      const auto& [a, b] = phi->maps[i];
      const Tokens<S> scaled_b = scale_ * b;
      if ((scaled_b.array() == S(0)).all()) continue;  // the map keeps its bits: -0 + 0 would be 0
      product<S>(executor, In<S>(a), transposed<S>(scaled_b),
                 Out<S>(adapted.data() + map.weight, map.inputs, map.outputs, map.stride), Write::add);
    }
  }

  /// dphi += (dA/dphi)^T dadapted. Throws as apply does.
  template <class M, class N>
  void pull(const Parameters<M>& theta, const Parameters<LowRank>& phi, const Parameters<N>& dadapted,
            Parameters<LowRank>& dphi, const Executor& executor = Serial::instance()) const {
    expect_ours("LowRank", phi);
    expect_ours("LowRank", dphi);
    maps_.expect_base("LowRank", theta);
    maps_.expect_gradient("LowRank", dadapted);
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      const AdaptedMap& map = maps_[i];
      const auto& [a, b] = phi->maps[i];
      const Tokens<S> scaled_a = scale_ * a, scaled_b = scale_ * b;
      const In<S> dw(dadapted.data() + map.weight, map.inputs, map.outputs, map.stride);
      product<S>(executor, dw, In<S>(scaled_b), dphi->maps[i].a, Write::add);
      product<S>(executor, transposed(dw), In<S>(scaled_a), dphi->maps[i].b, Write::add);
    }
  }

  /// dtheta += (dA/dtheta)^T dadapted, for what is trained beside phi, such as norms. Throws as apply does.
  template <class N, class M>
  void pull_base(const Parameters<LowRank>& phi, const Parameters<N>& dadapted, Parameters<M>& dtheta) const {
    expect_ours("LowRank", phi);
    maps_.pull_start("LowRank", dadapted, dtheta);
  }

 private:
  void expect_ours(const char* who, const Parameters<LowRank>& phi) const {
    expect(phi.model() == *this, who, ": phi (", phi.size(),
           " numbers) is of another adapter; make it with Parameters(adapter).");
  }

  AdaptedMaps maps_;
  Index rank_;
  S scale_;
};

}  // namespace residual
