#pragma once

#include "residual/decode/decoding.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "support/executors.hpp"
#include "support/same_bits.hpp"
#include "support/scene.hpp"

namespace test_support {

using namespace residual;

template <class M>
concept HasWords = requires(const M& model) {
  model.embedding;
};
template <class M>
concept HasEncoder = requires(const M& model) {
  model.encoder;
};

inline constexpr Index vocabulary = 11;
/// What a sequence has taken so far, and what the steps gave for it.
template <class S>
struct History {
  std::vector<int> words;
  std::vector<std::uint8_t> hidden;
  std::vector<Row<S>> y;
  std::size_t source = 0;
};

/// Sequences in a Decoding, and their histories.
template <class M>
class Life {
 public:
  using S = typename M::Scalar;

  /// In a decoding of this room, where no sequence gets longer than `longest`.
  template <class Room>
  Life(const M& model, Random& random, const Room& room, Index longest, const std::vector<Index>& source_lengths,
       bool masks)
      : model_(model),
        theta_(model),
        random_(random),
        masks_(masks),
        source_batch_(random_batch(random, source_lengths, masks ? 0.3 : 0)),
        executor_(3),
        decoding_((randomise(theta_, random.bits()), model), theta_, room, executor_) {
    const Index dim = HasWords<M> ? 0 : model.output_cols();
    table_ = random.tokens(vocabulary, dim).template cast<S>();
    source_ = random.tokens(source_batch_.tokens(), model.output_cols()).template cast<S>();
    if (!masks) return;
    attn_mask_ = random_mask(random, longest, longest, 0.2).template cast<S>();
    const Index longest_source = source_batch_.longest();
    src_mask_ = random_mask(random, longest_source, longest_source, 0.2).template cast<S>();
    if (ReadsMemory<M>) memory_mask_ = random_mask(random, longest, longest_source, 0.2).template cast<S>();
  }

  void start(Index sequences) {
    histories_.assign(std::size_t(sequences), {});
    for (std::size_t i = 0; i < histories_.size(); ++i) histories_[i].source = i;
    if constexpr (HasEncoder<M>) {
      decoding_.start({.batch = source_batch_, .src = source_, .src_mask = src_mask_});
    } else if constexpr (ReadsMemory<M>) {
      decoding_.start({.batch = source_batch_, .memory = source_});
    } else {
      decoding_.start(sequences);
    }
  }

  void step(const std::vector<Index>& lengths) {
    const bool hides = masks_ && random_.chance(0.5);
    std::vector<int> words;
    std::vector<std::uint8_t> hidden;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      for (Index k = 0; k < lengths[i]; ++k) {
        words.push_back(int(random_.integer(0, vocabulary - 1)));
        hidden.push_back(hides && random_.chance(0.3) ? 1 : 0);
        histories_[i].words.push_back(words.back());
        histories_[i].hidden.push_back(hidden.back());
      }
    }
    const Batch batch = hides ? Batch::of(lengths).hiding(hidden) : Batch::of(lengths);
    const In<S> y = decoding_.step(input(batch, words, {}, {}));
    for (Index i = 0; i < batch.sequences(); ++i) {
      for (Index k = 0; k < batch.length(i); ++k) histories_[std::size_t(i)].y.push_back(y.row(batch.begin(i) + k));
    }
  }

  void reorder(const std::vector<Index>& from) {
    std::vector<History<S>> next;
    for (const Index i : from) next.push_back(histories_[std::size_t(i)]);
    histories_ = next;
    decoding_.reorder(from);
  }

  /// All that the steps gave for the sequences that there are is what one pass gives.
  void expect_full_pass() {
    std::vector<int> words;
    std::vector<std::uint8_t> hidden, source_hidden;
    std::vector<Index> lengths, source_lengths, rows;
    for (const auto& h : histories_) {
      words.insert(words.end(), h.words.begin(), h.words.end());
      hidden.insert(hidden.end(), h.hidden.begin(), h.hidden.end());
      lengths.push_back(Index(h.words.size()));
      if (!ReadsMemory<M>) continue;
      const auto s = Index(h.source);
      source_lengths.push_back(source_batch_.length(s));
      for (Index r = source_batch_.begin(s); r < source_batch_.begin(s + 1); ++r) {
        rows.push_back(r);
        if (source_batch_.hides()) source_hidden.push_back(source_batch_.hidden(0)[r]);
      }
    }
    const Tokens<S> source = source_(rows, Eigen::all);
    Batch batch = Batch::of(lengths), source_batch = Batch::of(source_lengths);
    if (masks_) batch = batch.hiding(hidden);
    if (source_batch_.hides()) source_batch = source_batch.hiding(source_hidden);
    Tape<M> tape(model_, Keep::nothing);
    const In<S> y = tape.forward(model_, theta_, input(batch, words, source_batch, source));
    for (Index i = 0; i < batch.sequences(); ++i) {
      const auto& steps = histories_[std::size_t(i)].y;
      ASSERT_EQ(Index(steps.size()), batch.length(i));
      EXPECT_EQ(decoding_.length(i), batch.length(i));
      for (Index k = 0; k < batch.length(i); ++k) {
        ASSERT_TRUE(same_bits(steps[std::size_t(k)], y.row(batch.begin(i) + k))) << "sequence " << i << ", token " << k;
      }
    }
  }

  Index sequences() const { return decoding_.sequences(); }
  Index room(Index i) const { return decoding_.room(i); }
  Index length(Index i) const { return decoding_.length(i); }

 private:
  typename M::Input input(const Batch& batch, const std::vector<int>& words, const Batch& source_batch, In<S> source) {
    if constexpr (HasWords<M>) {
      return {.batch = batch, .tokens = words, .attn_mask = attn_mask_};
    } else {
      x_ = table_(words, Eigen::all);
      // One pass reads as many rows of a mask as it has queries; a step may have those of the whole capacity.
      const Index queries = source_batch.sequences() > 0 ? batch.longest() : memory_mask_.rows();
      const auto memory_mask = In<S>(memory_mask_).rows_from(0, std::min(queries, memory_mask_.rows()));
      if constexpr (HasEncoder<M>) {
        return {.batch = batch,
                .x = x_,
                .src_batch = source_batch,
                .src = source,
                .attn_mask = attn_mask_,
                .memory_mask = memory_mask,
                .src_mask = source.rows() > 0 ? src_mask_ : none_};
      } else {
        return {.batch = batch,
                .x = x_,
                .memory_batch = source_batch,
                .memory = source,
                .attn_mask = attn_mask_,
                .memory_mask = memory_mask};
      }
    }
  }

  M model_;
  Parameters<M> theta_;
  Random& random_;
  bool masks_;
  Batch source_batch_;
  Shuffled executor_;
  Decoding<M> decoding_;
  Tokens<S> table_, x_, source_, attn_mask_, memory_mask_, src_mask_, none_;
  std::vector<History<S>> histories_;
};

}  // namespace test_support
