#pragma once

#include <Eigen/QR>
#include <type_traits>
#include <vector>

#include "residual/merge/grams.hpp"
#include "residual/merge/interpolate.hpp"

namespace residual {

/// RegMean, Jin et al. 2022 (arXiv:2212.09849), where chosen; `merged` keeps the rest. A linear map becomes the one whose
/// outputs are nearest to those of every model on that model's own inputs:
///
///     W = argmin sum_m |X_m W - X_m W_m|^2 = (sum_m G_m)^+ sum_m G_m W_m,   G_m = X_m^T X_m with off-diagonals times gamma
///
/// computed in double, or in the models' scalar where that is wider, as the change from the mean of the W_m, which stays where
/// no input reaches. Biases, embeddings, norms and all else become the mean. Models that are equal give themselves, bit for bit.
///
/// Throws, with nothing changed, when models or Gram matrices do not fit, a chosen weight has none or one that is not finite,
/// gamma is not between 0 and 1, or nothing is chosen.
template <class M>
void regression_mean(const std::vector<Parameters<M>>& models, const std::vector<Grams<typename M::Scalar>>& grams,
                     Parameters<M>& merged, double gamma = 1, const Selection& where = parts::all) {
  using S = typename M::Scalar;
  using T = std::common_type_t<S, double>;
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  expect(grams.size() == models.size(), "regression_mean: there are Gram matrices of ", grams.size(), " models, but ",
         models.size(), " models; give one a model.");
  expect(gamma >= 0 && gamma <= 1, "regression_mean: gamma is ", gamma, ", but it must be between 0 and 1.");
  const Manifest& manifest = merged.manifest();
  Parameters<M> result = merged;
  detail::mean("regression_mean", models, result, where);
  for (std::size_t t = 0; t < manifest.size(); ++t) {
    const ManifestEntry& tensor = manifest[t];
    if (tensor.role != Role::weight) continue;
    each_part(tensor, [&](const Part& part) {
      if (!where(part)) return;
      const auto window = [&](const Parameters<M>& theta) {
        return In<S>(theta.data() + tensor.offset + part.begin, tensor.rows, part.cols, tensor.cols);
      };
      const Tokens<T> center = window(result).template cast<T>();
      Matrix sum = Matrix::Zero(tensor.rows, tensor.rows), right = Matrix::Zero(tensor.rows, part.cols);
      for (std::size_t m = 0; m < models.size(); ++m) {
        const std::optional<Gram> gram = grams[m].find(Index(t), part.begin, part.cols);
        expect(gram && gram->G.rows() == tensor.rows, "regression_mean: model ", m,
               " has no Gram matrix of the inputs of ", tensor.name,
               "; observe forward passes with its Grams, or choose other tensors.");
        expect(gram->G.allFinite(), "regression_mean: model ", m, " has a Gram matrix of the inputs of ", tensor.name,
               " that is not finite; observe passes over data without NaN and infinity.");
        const Matrix all = gram->G.template cast<T>();
        Matrix G = T(gamma) * all;
        G.diagonal() = all.diagonal();
        sum += G;
        right += G * (window(models[m]).template cast<T>() - center);
      }
      const Tokens<T> change = sum.completeOrthogonalDecomposition().solve(right);
      Out<S>(result.data() + tensor.offset + part.begin, tensor.rows, part.cols, tensor.cols) =
          (change.array() == 0).select(center, center + change).template cast<S>();  // -0 + 0 would be 0
    });
  }
  merged.flat() = result.flat();
}

}  // namespace residual
