#pragma once

#include <cmath>

#include "residual/core/chosen.hpp"
#include "residual/core/parameters.hpp"

namespace residual {

/// How far apart two models are, or what training changed in them.
struct Distance {
  double l2 = 0;       ///< |a - b|
  double cosine = 0;   ///< <a, b> / (|a| |b|), 0 where one is 0
  double flipped = 0;  ///< the share of entries whose signs differ: a_i b_i < 0
};

/// The distance of the task vectors a - seed and b - seed of two models that were trained from one, where chosen. Throws
/// when they have different shapes or nothing is chosen.
template <class M>
Distance task_distance(const Parameters<M>& seed, const Parameters<M>& a, const Parameters<M>& b,
                       const Selection& where = parts::all) {
  expect(seed.fingerprint() == a.fingerprint() && seed.fingerprint() == b.fingerprint(),
         "task_distance: the models have ", seed.size(), ", ", a.size(), " and ", b.size(),
         " numbers in different tensors; give models of one shape.");
  double difference = 0, product = 0, square_a = 0, square_b = 0;
  Index flipped = 0, count = 0;
  each_chosen("task_distance", seed.manifest(), where, [&](const Part&, Index begin, Index size) {
    for (Index i = begin; i < begin + size; ++i) {
      const double ai = double(a.flat()[i] - seed.flat()[i]), bi = double(b.flat()[i] - seed.flat()[i]);
      difference += (ai - bi) * (ai - bi);
      product += ai * bi;
      square_a += ai * ai;
      square_b += bi * bi;
      flipped += ai * bi < 0 ? 1 : 0;
    }
    count += size;
  });
  const double lengths = std::sqrt(square_a) * std::sqrt(square_b);
  return {std::sqrt(difference), lengths > 0 ? product / lengths : 0, double(flipped) / double(count)};
}

/// The distance of two models, where chosen; throws as task_distance does.
template <class M>
Distance weight_distance(const Parameters<M>& a, const Parameters<M>& b, const Selection& where = parts::all) {
  return task_distance(Parameters<M>(a.model()), a, b, where);
}

}  // namespace residual
