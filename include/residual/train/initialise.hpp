#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"
#include "residual/train/random.hpp"

namespace residual {

/// How numbers are drawn: all `size`, uniform in (-size, size), or normal with mean 0 and deviation `size`.
struct Draw {
  enum Kind { constant, uniform, normal } kind;
  double size;

  double operator()(Random& random) const {
    return kind == constant ? size : size * (kind == uniform ? random.symmetric() : random.normal());
  }
};

/// What a tensor is to a rule.
enum class Role {
  weight,     ///< of a linear map, [in x out]
  bias,       ///< of a linear map
  embedding,  ///< a table, [entries x dim]: Layout::matrix whose name ends in "weight"
  gain,       ///< of a norm: Layout::vector whose name ends in "weight"
  other,      ///< a norm's bias, and whatever else a scheme owns, such as a gate
};

/// What a rule is asked about: a group of a tensor's columns. in_proj has three groups, q, k and v; everything else has
/// one.
struct Part {
  const ManifestEntry& tensor;
  Role role;
  Index group, groups;
  Index fan_in, fan_out;  ///< of the whole linear map that a weight or bias belongs to, else 0

  Index begin() const { return tensor.cols * group / groups; }
  Index cols() const { return tensor.cols * (group + 1) / groups - begin(); }
};

/// The parts of a manifest's tensor.
inline std::vector<Part> parts(const Manifest& manifest, const ManifestEntry& tensor) {
  const std::string& name = tensor.name;
  const ManifestEntry* weight = &tensor;
  Role role = Role::other;
  if (name.ends_with("weight")) {
    role = tensor.layout == Layout::transposed ? Role::weight
           : tensor.layout == Layout::matrix   ? Role::embedding
                                               : Role::gain;
  } else if (name.ends_with("bias")) {
    const std::string sibling = name.substr(0, name.size() - 4) + "weight";
    const auto found = std::find_if(manifest.begin(), manifest.end(), [&](const auto& e) { return e.name == sibling; });
    if (found != manifest.end() && found->layout == Layout::transposed) role = Role::bias, weight = &*found;
  }
  const bool linear = role == Role::weight || role == Role::bias;
  const Index groups = name.ends_with("in_proj_weight") || name.ends_with("in_proj_bias") ? 3 : 1;
  std::vector<Part> parts;
  for (Index group = 0; group < groups; ++group) {
    parts.push_back({tensor, role, group, groups, linear ? weight->rows : 0, linear ? weight->cols : 0});
  }
  return parts;
}

/// Glorot and Bengio 2010, as torch.nn.Transformer draws its matrices (in_proj is one of [3d, d]):
///
///     W ~ U(-b, b),  b = sqrt(6 / (fan_in + fan_out));   embeddings ~ N(0, 1/d);   norms' gains 1;   the rest 0
struct Xavier {
  Draw operator()(const Part& part) const {
    if (part.role == Role::weight) return {Draw::uniform, std::sqrt(6.0 / double(part.fan_in + part.fan_out))};
    if (part.role == Role::embedding) return {Draw::normal, 1 / std::sqrt(double(part.tensor.cols))};
    return {Draw::constant, part.role == Role::gain ? 1.0 : 0.0};
  }
};

/// fairseq's, with which the ResiDual paper trained:
///
///     W_q, W_k, W_v ~ U(-b, b),  b = sqrt(6 / 2d) / sqrt 2,  each as a matrix [d, d] of its own
///     their biases, and all other linear maps but out_proj, ~ U(-c, c),  c = 1 / sqrt(fan_in);   the rest as Xavier
struct Fairseq {
  Draw operator()(const Part& part) const {
    const bool linear = part.role == Role::weight || part.role == Role::bias;
    if (!linear || part.tensor.name.find("out_proj.") != std::string::npos) return Xavier()(part);
    if (part.role == Role::bias || part.groups == 1) return {Draw::uniform, 1 / std::sqrt(double(part.fan_in))};
    return {Draw::uniform, std::sqrt(3.0 / double(part.fan_in + part.fan_out / part.groups))};
  }
};

/// GPT-2's and BERT's: weights and embeddings ~ N(0, deviation^2), norms' gains 1, the rest 0.
struct Normal {
  double deviation = 0.02;
  Draw operator()(const Part& part) const {
    if (part.role == Role::weight || part.role == Role::embedding) return {Draw::normal, deviation};
    return Xavier()(part);
  }
};

/// Every gain 1.
struct NoGain {
  double operator()(std::string_view, Index) const { return 1; }
};

/// Fills theta with numbers drawn as rule(part) says, times gain(name of the tensor, group). Any callables
/// `Draw(const Part&)` and `double(std::string_view, Index)` will do; a rule of your own may ask Xavier about the rest.
///
/// The numbers of a tensor depend on the seed and the tensor's place in the manifest, not on machine or compiler; every
/// scalar type gets the same, rounded to it. Throws, with nothing written, when a draw or gain is not finite.
template <class M, class Rule = Xavier, class Gain = NoGain>
  requires std::is_invocable_r_v<Draw, const Rule&, const Part&> &&
      std::is_invocable_r_v<double, const Gain&, std::string_view, Index>
void initialise(Parameters<M>& theta, std::uint64_t seed, const Rule& rule = {}, const Gain& gain = {}) {
  using S = typename M::Scalar;
  const Manifest manifest = theta.manifest();
  const auto each_part = [&](auto&& visit) {
    for (std::size_t i = 0; i < manifest.size(); ++i) {
      Random random(seed, i);
      for (const Part& part : parts(manifest, manifest[i])) {
        visit(part, rule(part), double(gain(manifest[i].name, part.group)), random);
      }
    }
  };
  each_part([](const Part& part, const Draw& draw, double factor, Random&) {
    expect(std::isfinite(draw.size * factor), "initialise: ", part.tensor.name, " (columns ", part.begin(), " to ",
           part.begin() + part.cols() - 1, ") would be drawn with size ", draw.size, " and gain ", factor,
           "; both must be finite.");
  });
  each_part([&](const Part& part, const Draw& draw, double factor, Random& random) {
    for (Index i = 0; i < part.tensor.rows; ++i) {
      S* row = theta.data() + part.tensor.offset + i * part.tensor.cols + part.begin();
      for (Index j = 0; j < part.cols(); ++j) row[j] = S(factor * draw(random));
    }
  });
}

}  // namespace residual
