#pragma once

#include <limits>
#include <type_traits>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"

namespace residual {

/// The parameters of theta's model with `count` more words, numbered behind the others. What a new word has - a row of the
/// embedding, a column of an output projection of its own, an entry of that projection's bias - is the mean of what theta's
/// words have, as in PMC-LLaMA, Wu et al. 2023 (arXiv:2304.14454); all else keeps its bits. A new word's logit begins as the
/// mean of the others', in front of the soft cap, if there is one; theirs keep their bits.
///
/// New words are alike until they are trained: an adapter beside which the embedding is frozen cannot tell them apart.
///
///     const Parameters larger = with_new_words(theta, 2);  // of larger.model()
///
/// Throws when `count` is negative, or no memory holds so many words.
template <class M>
  requires requires(M model) { model.embedding.vocabulary; }
Parameters<M> with_new_words(const Parameters<M>& theta, Index count) {
  using S = typename M::Scalar;
  using T = std::common_type_t<S, double>;
  expect(count >= 0, "with_new_words: ", count, " new words were asked for; ask for 0 or more.");
  M model = theta.model();
  const Index words = model.embedding.vocabulary;
  expect(count <= std::numeric_limits<Index>::max() - words, "with_new_words: ", count, " new words behind ", words,
         " are more than can be counted; ask for fewer.");
  model.embedding.vocabulary += count;
  Parameters<M> larger(model);
  for (std::size_t i = 0; i < theta.manifest().size(); ++i) {
    const ManifestEntry &from = theta.manifest()[i], &to = larger.manifest()[i];
    const In<S> old(theta.data() + from.offset, from.rows, from.cols, from.cols);
    Out<S> grown(larger.data() + to.offset, to.rows, to.cols, to.cols);
    grown.topLeftCorner(from.rows, from.cols) = old;
    if (to.size() == from.size()) continue;
    const auto word = [&](Index w) { return to.rows > from.rows ? grown.rows_from(w, 1) : grown.cols_from(w, 1); };
    auto sum = word(0).template cast<T>().eval();
    for (Index w = 1; w < words; ++w) sum += word(w).template cast<T>();
    for (Index w = words; w < words + count; ++w) word(w) = (sum / T(words)).template cast<S>();
  }
  return larger;
}

}  // namespace residual
