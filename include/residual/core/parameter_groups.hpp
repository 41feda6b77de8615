#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"
#include "residual/core/selection.hpp"

namespace residual {

/// Entries begin .. begin + size of a flat vector that are trained alike.
struct TrainedRange {
  Index begin, size;  ///< where they lie
  double rate;        ///< their factor of the learning rate, greater than 0
  double decay;       ///< their factor of the weight decay
  bool operator==(const TrainedRange&) const = default;
};

/// How a model's parameters are trained, part by part: frozen or not, and with which factors of the learning rate and the
/// weight decay. At first all are trained with the rate's factor 1, and what decays by its manifest does with the factor 1.
/// What is set last counts.
///
///     ParameterGroups groups(theta);
///     groups.freeze(parts::all).rate(parts::own, 1).rate("lm_head.*", 0.1).decay("*.adapter_bias", 1);
///
/// Optimizers, clipping, checkpoints, files and the summary take it.
class ParameterGroups {
 public:
  /// Of a model's parameters.
  template <class Model>
  explicit ParameterGroups(const Parameters<Model>& theta) : ParameterGroups(theta.manifest()) {}
  /// Of a flat vector with these tensors.
  explicit ParameterGroups(Manifest manifest) : manifest_(std::move(manifest)) {
    for (const ManifestEntry& tensor : manifest_) {
      each_part(tensor, [&](const Part&) { factors_.push_back({1, tensor.decays() ? 1.0 : 0.0}); });
    }
    find_ranges();
  }

  /// What is chosen gets this factor of the learning rate; 0 freezes it. Throws, with nothing changed, when nothing is
  /// chosen or the factor is negative or not finite.
  ParameterGroups& rate(const Selection& where, double factor) { return set(where, &Factors::rate, factor, "rate"); }
  /// What is chosen gets this factor of the weight decay; throws as rate does.
  ParameterGroups& decay(const Selection& where, double factor) { return set(where, &Factors::decay, factor, "decay"); }
  /// What is chosen keeps its bits; throws as rate does.
  ParameterGroups& freeze(const Selection& where) { return rate(where, 0); }

  /// How many numbers there are.
  Index size() const { return manifest_.empty() ? 0 : manifest_.back().offset + manifest_.back().size(); }
  /// How many of them are trained.
  Index trained() const { return count(ranges_); }
  /// Where these are, in order.
  const std::vector<TrainedRange>& ranges() const& { return ranges_; }
  /// Where these were, of groups that end here.
  std::vector<TrainedRange> ranges() && { return std::move(ranges_); }

  /// How many numbers of each tensor are trained, in the manifest's order.
  std::vector<Index> trained_by_tensor() const {
    std::vector<Index> counts;
    each_tensor([&](const ManifestEntry& tensor, const Factors* factors) {
      Index trained = 0;
      each_part(tensor, [&](const Part& part) {
        if ((factors++)->rate > 0) trained += rows(tensor) * part.cols;
      });
      counts.push_back(trained);
    });
    return counts;
  }
  /// The tensors of which at least a part is trained.
  Manifest trained_tensors() const {
    Manifest tensors;
    const std::vector<Index> counts = trained_by_tensor();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) tensors.push_back(manifest_[i]);
    }
    return tensors;
  }

  /// Where the weights and the tables of embeddings of which no part is trained begin, in order.
  std::vector<Index> frozen() const {
    std::vector<Index> places;
    const std::vector<Index> counts = trained_by_tensor();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const bool is_matrix = manifest_[i].role == Role::weight || manifest_[i].role == Role::embedding;
      if (is_matrix && counts[i] == 0) places.push_back(manifest_[i].offset);
    }
    return places;
  }

  /// Throws unless they are those of a vector with these tensors.
  void expect_manifest(const char* who, const Manifest& manifest) const {
    const auto same = [](const ManifestEntry& a, const ManifestEntry& b) {
      return a.name == b.name && a.offset == b.offset && a.rows == b.rows && a.cols == b.cols;
    };
    expect(std::equal(manifest.begin(), manifest.end(), manifest_.begin(), manifest_.end(), same), who,
           ": the parameter groups (", size(), " numbers in ", manifest_.size(),
           " tensors) belong to a model of another shape; make them with ParameterGroups(theta).");
  }

 private:
  struct Factors {
    double rate, decay;
    bool operator==(const Factors&) const = default;
  };

  /// Rows whose columns the parts share; an empty tensor has none.
  static Index rows(const ManifestEntry& tensor) {
    if (tensor.size() == 0) return 0;
    return tensor.layout == Layout::vector ? 1 : tensor.rows;
  }
  static Index count(const std::vector<TrainedRange>& ranges) {
    Index size = 0;
    for (const TrainedRange& range : ranges) size += range.size;
    return size;
  }
  static std::size_t part_count(const ManifestEntry& tensor) { return std::max<std::size_t>(tensor.parts.size(), 1); }

  /// visit(tensor, the factors of its parts).
  template <class Visit>
  void each_tensor(Visit&& visit) const {
    const Factors* factors = factors_.data();
    for (const ManifestEntry& tensor : manifest_) {
      visit(tensor, factors);
      factors += part_count(tensor);
    }
  }

  ParameterGroups& set(const Selection& where, double Factors::*factor, double value, const char* what) {
    expect(std::isfinite(value) && value >= 0, "ParameterGroups: the ", what, "'s factor for ", where.text(), " is ",
           value, ", but it must be finite and 0 or more.");
    std::vector<Factors> changed = factors_;
    bool chosen = false;
    Factors* next = changed.data();
    for (const ManifestEntry& tensor : manifest_) {
      each_part(tensor, [&](const Part& part) {
        if (where(part)) next->*factor = value, chosen = true;
        ++next;
      });
    }
    expect(chosen, "ParameterGroups: ", where.text(), " chooses none of the ", manifest_.size(),
           " tensors; manifest() lists their names.");
    factors_ = std::move(changed);
    find_ranges();
    return *this;
  }

  void find_ranges() {
    ranges_.clear();
    each_tensor([&](const ManifestEntry& tensor, const Factors* factors) {
      const Factors* const end = factors + part_count(tensor);
      if (std::all_of(factors, end, [&](const Factors& f) { return f == *factors; })) {
        return add(tensor.offset, tensor.size(), *factors);
      }
      for (Index row = 0; row < rows(tensor); ++row) {
        const Factors* next = factors;
        each_part(tensor,
                  [&](const Part& part) { add(tensor.offset + row * tensor.cols + part.begin, part.cols, *next++); });
      }
    });
  }
  void add(Index begin, Index size, const Factors& factors) {
    if (factors.rate == 0 || size == 0) return;
    if (!ranges_.empty()) {
      TrainedRange& last = ranges_.back();
      if (last.begin + last.size == begin && last.rate == factors.rate && last.decay == factors.decay) {
        last.size += size;
        return;
      }
    }
    ranges_.push_back({begin, size, factors.rate, factors.decay});
  }

  Manifest manifest_;
  std::vector<Factors> factors_;  ///< one a part, in order
  std::vector<TrainedRange> ranges_;
};

}  // namespace residual
