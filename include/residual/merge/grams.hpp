#pragma once

#include <optional>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"
#include "residual/kernel/gemm.hpp"
#include "residual/wiring/observer.hpp"

namespace residual {

/// The Gram matrix of what some columns of a weight read: G = sum over all rows x of x^T x, in double.
struct Gram {
  Index tensor;       ///< the weight's number in the manifest
  Index begin, cols;  ///< its columns
  Index rows;         ///< how many rows were seen
  Tokens<double> G;   ///< [inputs x inputs]
};

/// Gathers the Gram matrices of all linear maps in forward passes of a tape that it observes:
///
///     Grams<float> grams(theta);
///     tape.observe(&grams);
///     forward(model, theta, tape, ...);  // as often as there is data
template <class S>
class Grams final : public Observer<S> {
 public:
  /// Of a model's parameters, on which the passes must run themselves: not on a Plan or a copy.
  template <class M>
  explicit Grams(const Parameters<M>& theta) : data_(theta.data()), manifest_(theta.manifest()) {}

  /// All Gram matrices so far.
  const std::vector<Gram>& all() const { return grams_; }
  /// That of these columns of a weight, the sum of all that cover them, since maps of more columns read through them too;
  /// nothing where none does.
  std::optional<Gram> find(Index tensor, Index begin, Index cols) const {
    std::optional<Gram> sum;
    for (const Gram& gram : grams_) {
      const bool covers = gram.begin <= begin && begin + cols <= gram.begin + gram.cols;
      if (gram.tensor != tensor || !covers) continue;
      if (!sum) {
        sum = Gram{tensor, begin, cols, gram.rows, gram.G};
      } else {
        sum->rows += gram.rows;
        sum->G += gram.G;
      }
    }
    return sum;
  }

  /// Adds x^T x. Throws when the weight is none of these parameters.
  void linear_input(In<S> weight, In<S> x) override {
    Gram& gram = gram_of(weight);
    const Tokens<double> rows = x.template cast<double>();
    product<double>(Serial::instance(), transposed<double>(rows), In<double>(rows), gram.G, Write::add);
    gram.rows += x.rows();
  }

 private:
  Gram& gram_of(In<S> weight) {
    const Index place = weight.data() - data_;
    for (std::size_t t = 0; t < manifest_.size(); ++t) {
      const ManifestEntry& tensor = manifest_[t];
      if (tensor.role != Role::weight || place < tensor.offset || place >= tensor.offset + tensor.size()) continue;
      const Index begin = (place - tensor.offset) % tensor.cols;
      for (Gram& gram : grams_) {
        if (gram.tensor == Index(t) && gram.begin == begin && gram.cols == weight.cols()) return gram;
      }
      grams_.push_back({Index(t), begin, weight.cols(), 0, Tokens<double>::Zero(weight.rows(), weight.rows())});
      return grams_.back();
    }
    expect(
        false,
        "Grams: a linear map has a weight that is none of the parameters these Gram matrices are of; run the passes on "
        "the parameters that Grams was made with.");
    return grams_.front();
  }

  const S* data_;
  Manifest manifest_;
  std::vector<Gram> grams_;
};

}  // namespace residual
