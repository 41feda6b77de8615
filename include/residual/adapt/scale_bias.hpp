#pragma once

#include <utility>
#include <vector>

#include "residual/adapt/adapted_maps.hpp"
#include "residual/kernel/rows.hpp"

namespace residual {

/// What a ScaleBias adapter scales.
enum class Scaled {
  inputs,   ///< y = (s * x) W + b + b', as the authors' code computes it
  outputs,  ///< y = s * (x W + b + b'), as their paper writes it
};

/// LLaMA-Adapter V2's scale and bias of linear maps, Gao et al. 2023 (arXiv:2304.15010), as a map of parameters, so that
/// no layer knows of it; phi holds s, at first 1, and b', at first 0, of every adapted map, q, k and v each their own:
///
///     Scaled::inputs:   W' = diag(s) W,  b'' = b + b'          (* element by element)
///     Scaled::outputs:  W' = W diag(s),  b'' = s * (b + b')
///
///     ScaleBias<float> adapter(AdaptedMaps(theta, parts::attention));
///     Parameters phi(adapter), adapted(model);
///     initialise(phi, 1);
///     adapter.apply(theta, phi, adapted);  // run the model on `adapted`, whose gradient dadapted is pulled back:
///     adapter.pull(theta, phi, dadapted, dphi);
///
/// A map whose adapted model has no bias gets a scale alone. phi's tensors are called `<map>.adapter_scale` and
/// `<map>.adapter_bias`.
template <class S>
class ScaleBias {
 public:
  using Scalar = S;

  /// Of these maps. Throws when `scaled` is no value of Scaled.
  explicit ScaleBias(AdaptedMaps maps, Scaled scaled = Scaled::inputs) : maps_(std::move(maps)), scaled_(scaled) {
    expect_known("ScaleBias: scaled", scaled, Scaled::outputs, "Scaled::inputs");
  }
  bool operator==(const ScaleBias&) const = default;

  /// phi: scale and bias of every map.
  struct Params {
    /// Of one map.
    struct OfMap {
      RowView<S> scale, bias;
    };
    std::vector<OfMap> maps;
    void carve(Carver<S>& c, const ScaleBias& adapter) {
      if (maps.size() != adapter.maps_.size()) maps = std::vector<OfMap>(adapter.maps_.size());
      for (std::size_t i = 0; i < maps.size(); ++i) {
        const AdaptedMap& map = adapter.maps_[i];
        c.within(map.prefix.c_str(), [&] {
          c("adapter_scale", maps[i].scale, adapter.scaled_ == Scaled::inputs ? map.inputs : map.outputs,
            starts::ones());
          c("adapter_bias", maps[i].bias, map.bias < 0 ? 0 : map.outputs);
        });
      }
    }
  };

  /// adapted = A(theta, phi), which may be theta itself: then the adapter is merged into it. Throws, with nothing changed,
  /// when they do not fit.
  template <class M, class N>
  void apply(const Parameters<M>& theta, const Parameters<ScaleBias>& phi, Parameters<N>& adapted) const {
    expect_ours("ScaleBias", phi);
    maps_.start("ScaleBias", theta, adapted);
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      const AdaptedMap& map = maps_[i];
      const S *const s = phi->maps[i].scale.data(), *const b = phi->maps[i].bias.data();
      for (Index row = 0; row < map.inputs; ++row) {
        S* const w = adapted.data() + map.weight + row * map.stride;
        each_pack<S>(map.outputs,
                     [&](Index j, auto n) { (Pack<S>::load(w + j, n) * factor(s, row, j, n)).store(w + j, n); });
      }
      if (map.bias < 0) continue;
      S* const bias = adapted.data() + map.bias;
      each_pack<S>(map.outputs, [&](Index j, auto n) {
        const auto sum = Pack<S>::load(bias + j, n) + Pack<S>::load(b + j, n);
        (scaled_ == Scaled::inputs ? sum : Pack<S>::load(s + j, n) * sum).store(bias + j, n);
      });
    }
  }

  /// dphi += (dA/dphi)^T dadapted. Throws as apply does.
  template <class M, class N>
  void pull(const Parameters<M>& theta, const Parameters<ScaleBias>& phi, const Parameters<N>& dadapted,
            Parameters<ScaleBias>& dphi) const {
    expect_ours("ScaleBias", phi);
    expect_ours("ScaleBias", dphi);
    maps_.expect_base("ScaleBias", theta);
    maps_.expect_gradient("ScaleBias", dadapted);
    for (std::size_t i = 0; i < maps_.size(); ++i) {
      const AdaptedMap& map = maps_[i];
      const auto w = [&](Index row) { return theta.data() + map.base_weight + row * map.stride; };
      const auto dw = [&](Index row) { return dadapted.data() + map.weight + row * map.stride; };
      S *const ds = dphi->maps[i].scale.data(), *const db = dphi->maps[i].bias.data();
      if (scaled_ == Scaled::inputs) {
        for (Index row = 0; row < map.inputs; ++row) ds[row] += row_dot(w(row), dw(row), map.outputs);
      } else {
        add_column_sums<S>(
            Serial::instance(), map.inputs, map.outputs,
            [&](Index row, Index j, auto n) { return Pack<S>::load(w(row) + j, n) * Pack<S>::load(dw(row) + j, n); },
            ds);
      }
      if (map.bias < 0) continue;
      const S *const s = phi->maps[i].scale.data(), *const b = phi->maps[i].bias.data();
      for (Index j = 0; j < map.outputs; ++j) {
        const S dbias = dadapted.data()[map.bias + j];
        db[j] += scaled_ == Scaled::inputs ? dbias : s[j] * dbias;
        if (scaled_ == Scaled::outputs)
          ds[j] += dbias * (b[j] + (map.base_bias < 0 ? S(0) : theta.data()[map.base_bias + j]));
      }
    }
  }

  /// dtheta += (dA/dtheta)^T dadapted, for what is trained beside phi, such as norms. Throws as apply does.
  template <class N, class M>
  void pull_base(const Parameters<ScaleBias>& phi, const Parameters<N>& dadapted, Parameters<M>& dtheta) const {
    expect_ours("ScaleBias", phi);
    maps_.pull_start("ScaleBias", dadapted, dtheta);
    const Pack<S> one(S(1));
    for (std::size_t i = 0; i < maps_.size(); ++i) {  // what pull_start added has the factor 1 yet
      const AdaptedMap& map = maps_[i];
      const S* const s = phi->maps[i].scale.data();
      const Index rows = dtheta.has_view(map.base_weight) ? map.inputs : 0;
      for (Index row = 0; row < rows; ++row) {
        add_times(map.outputs, dadapted.data() + map.weight + row * map.stride,
                  dtheta.data() + map.base_weight + row * map.stride,
                  [&](Index j, auto n) { return factor(s, row, j, n) - one; });
      }
      if (map.base_bias < 0 || scaled_ == Scaled::inputs) continue;
      add_times(map.outputs, dadapted.data() + map.bias, dtheta.data() + map.base_bias,
                [&](Index j, auto n) { return Pack<S>::load(s + j, n) - one; });
    }
  }

 private:
  void expect_ours(const char* who, const Parameters<ScaleBias>& phi) const {
    expect(phi.model() == *this, who, ": phi (", phi.size(),
           " numbers) is of another adapter; make it with Parameters(adapter).");
  }
  /// The factors of the weight's entries (row, j), (row, j + 1), ...
  template <class Count>
  Pack<S> factor(const S* s, Index row, Index j, Count n) const {
    return scaled_ == Scaled::inputs ? Pack<S>(s[row]) : Pack<S>::load(s + j, n);
  }
  /// to += f * from.
  template <class F>
  static void add_times(Index size, const S* from, S* to, F&& f) {
    each_pack<S>(size, [&](Index j, auto n) {
      (Pack<S>::load(to + j, n) + f(j, n) * Pack<S>::load(from + j, n)).store(to + j, n);
    });
  }

  AdaptedMaps maps_;
  Scaled scaled_;
};

}  // namespace residual
