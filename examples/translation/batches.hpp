#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "corpus.hpp"
#include "residual/core/batch.hpp"
#include "residual/train/random.hpp"

/// Pairs packed for one pass: what the encoder reads, what the decoder reads and what it is to predict.
struct Sentences {
  residual::Batch source_batch, batch;
  std::vector<int> source, tokens, next;
  Index all_targets = 0;  ///< pieces to predict in the whole batch, of which these may be a share
};

/// The pairs of a corpus in batches of like lengths, and their order in each epoch.
class Batches {
 public:
  /// With at most `tokens` pieces of either language in each; `begin` is the token in front of a translation. The corpus
  /// must outlive it. Throws when a pair is longer.
  Batches(const Corpus& corpus, Index tokens, int begin) : corpus_(corpus), begin_(begin) {
    std::vector<std::size_t> by_length(corpus.pairs.size());
    std::iota(by_length.begin(), by_length.end(), std::size_t(0));
    std::sort(by_length.begin(), by_length.end(), [&](std::size_t a, std::size_t b) {
      return std::tuple(length(a).second, length(a).first, a) < std::tuple(length(b).second, length(b).first, b);
    });
    Index source = tokens, target = tokens;  // of the batch that is filled: the first pair begins one
    for (const std::size_t i : by_length) {
      const auto [from, to] = length(i);
      residual::expect(std::max(from, to) <= tokens, "A pair of sentences has ", std::max(from, to),
                       " pieces, but a batch only ", tokens, "; give more --tokens or a smaller --longest.");
      if (source + from > tokens || target + to > tokens) {
        batches_.emplace_back();
        source = target = 0;
      }
      source += from, target += to;
      batches_.back().push_back(i);
    }
  }

  Index count() const { return Index(batches_.size()); }

  /// Batch i, those of short sentences first.
  Sentences operator[](Index i) const { return share(i, 0, 1); }
  /// Share `own` of `count` of batch i: its pairs own, own + count, ..., which are as long as those of the other shares,
  /// since a batch is in the order of lengths. It has none where the batch has too few.
  Sentences share(Index i, int own, int count) const {
    Sentences s;
    std::vector<Index> sources, targets;
    int turn = 0;
    for (const std::size_t k : batches_[std::size_t(i)]) {
      const Pair& pair = corpus_.pairs[k];
      s.all_targets += Index(pair.target.size());
      if (turn++ % count != own) continue;
      sources.push_back(Index(pair.source.size()));
      targets.push_back(Index(pair.target.size()));
      s.source.insert(s.source.end(), pair.source.begin(), pair.source.end());
      s.tokens.push_back(begin_);
      s.tokens.insert(s.tokens.end(), pair.target.begin(), pair.target.end() - 1);
      s.next.insert(s.next.end(), pair.target.begin(), pair.target.end());
    }
    s.source_batch = residual::Batch::of(sources);
    s.batch = residual::Batch::of(targets);
    return s;
  }

  /// The batch of a training step: every epoch sees all of them in an order of its own, which seed and epoch decide.
  Index of_step(Index step, std::uint64_t seed) {
    const Index epoch = step / count();
    if (epoch != epoch_) {
      order_.resize(batches_.size());
      std::iota(order_.begin(), order_.end(), Index(0));
      residual::Random random(seed, std::uint64_t(epoch));
      for (std::size_t left = order_.size(); left > 1; --left) {
        std::swap(order_[left - 1], order_[std::size_t(random.uniform() * double(left))]);
      }
      epoch_ = epoch;
    }
    return order_[std::size_t(step % count())];
  }

 private:
  std::pair<Index, Index> length(std::size_t i) const {
    return {Index(corpus_.pairs[i].source.size()), Index(corpus_.pairs[i].target.size())};
  }

  const Corpus& corpus_;
  int begin_;
  std::vector<std::vector<std::size_t>> batches_;
  std::vector<Index> order_;
  Index epoch_ = -1;
};
