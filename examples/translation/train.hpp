#pragma once

#include <cmath>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "../support/interrupt.hpp"
#include "../support/progress.hpp"
#include "average.hpp"
#include "history.hpp"
#include "residual/io/printable.hpp"
#include "residual/io/write_file.hpp"
#include "trainer.hpp"

/// Trains until the steps are done, the held-out loss falls no more, a loss is no number, or some rank is asked to stop.
/// Rank 0 writes what there is to keep.
inline void train_steps(Trainer& trainer, History& history, const residual::Checkpoint& state, const RunFolder& folder,
                        const TrainOptions& options, Index tokens_a_step, const Ranks& ranks) {
  Progress progress(1, options.steps, tokens_a_step);
  const auto& [encoder, decoder] = std::tie(options.shape.encoder, options.shape.decoder);
  progress.begin(encoder == decoder ? encoder : encoder + " to " + decoder, history.steps);
  bool stop = on_any(ranks, Interrupt::asked());
  while (history.steps < options.steps && !history.waited(options.patience) && !stop) {
    const double loss = trainer.step(history.steps++);
    if (!std::isfinite(loss)) {
      throw std::runtime_error("The loss of step " + std::to_string(history.steps) +
                               " is no number: the training has diverged. A smaller --rate, a longer --warmup or "
                               "--clip may help; the last checkpoint is from before.");
    }
    history.sum += loss;
    if (ranks.is_first()) progress.show(history.steps, loss);
    const bool measured = history.steps % options.every == 0 || history.steps == options.steps;
    if (measured) {
      history.add(trainer.held_out_loss());
      expect_same_bits(ranks, trainer.bits());
    }
    if (measured && ranks.is_first()) {
      save_snapshot(folder, trainer.theta(), history.steps, options.average);
      residual::write_file(folder.losses(), [&](std::ostream& out) { out << history.csv(); });
    }
    Interrupt::count_step();
    stop = on_any(ranks, Interrupt::asked());
    if ((measured || stop) && ranks.is_first()) state.save(folder.checkpoint());
  }
  if (ranks.is_first()) progress.end();
}

/// Says how it went, and makes the model from the last snapshots.
inline void finish(Trainer& trainer, const History& history, const RunFolder& folder, const TrainOptions& options,
                   const Ranks& ranks) {
  std::ostream& out = said_by(ranks);
  out << history.steps << " steps done";
  if (history.held_out.empty()) {
    out << "; there is no model before the first " << options.every << " (--every).\n";
    return;
  }
  out << "; lowest held-out loss " << history.held_out[history.best()] << " nats a piece after step "
      << history.at[history.best()] << ", last " << history.held_out.back() << ".\n";
  auto& theta = trainer.theta();
  if (ranks.is_first()) {
    average_snapshots(folder, theta);
    residual::save_parameters(folder.model(), theta, {}, {{"shape", to_json(options.shape).dump()}});
  }
  ranks.take_first(std::as_writable_bytes(std::span(theta.data(), std::size_t(theta.size()))));
  const double loss = trainer.held_out_loss();
  if (ranks.is_first()) {
    std::cout << "The mean of the last " << folder.snapshots().size() << " snapshots has " << loss << "; it is "
              << folder.model().string() << ".\n";
  }
}

/// Says what is trained on.
inline void describe(std::ostream& out, const char* name, const Corpus& corpus) {
  out << corpus.pairs.size() << ' ' << name << " pairs, " << corpus.targets()
      << " target pieces; left out: " << corpus.empty << " empty, " << corpus.too_long << " too long\n";
}

/// The sentences of one part of the data, which rank 0 reads for all.
inline Bitext read_bitext(const TrainOptions& options, const char* name, const Ranks& ranks) {
  Bitext text;
  if (ranks.is_first()) text = Bitext(options.data, name, options.source, options.target);
  text.source = lines_from_first(ranks, text.source);
  text.target = lines_from_first(ranks, text.target);
  return text;
}

/// The bytes of the run's pieces: learned from the text, or, to resume, those that it began with.
inline std::string pieces_of(const Bitext& text, const RunFolder& folder, const TrainOptions& options) {
  if (options.resume) return read_bytes(folder.pieces());
  auto lines = text.source;
  lines.insert(lines.end(), text.target.begin(), text.target.end());
  return Pieces::learn(lines, options.shape.vocabulary);
}

/// `translation train`, on each rank; rank 0 alone reads and writes files. What cannot be is refused before anything is
/// written.
inline void train(TrainOptions options, const Ranks& ranks) {
  Interrupt::watch(options.stop_after);
  const RunFolder folder{options.folder};
  if (ranks.is_first()) folder.expect_fits(options.resume);
  translator(options.shape, options.longest, options.dropout);
  const Bitext text = read_bitext(options, "train", ranks), held_out_text = read_bitext(options, "valid", ranks);
  const std::string piece_bytes = from_first(ranks, ranks.is_first() ? pieces_of(text, folder, options) : "");
  const Pieces pieces(piece_bytes);
  options.shape.vocabulary = pieces.size();
  const Corpus corpus(text, pieces, options.longest), held_out(held_out_text, pieces, options.longest);
  Batches batches(corpus, options.tokens, pieces.begin());
  const Batches held_out_batches(held_out, options.tokens, pieces.begin());
  std::ostream& out = said_by(ranks);
  describe(out, "training", corpus);
  describe(out, "held-out", held_out);
  const residual::Threads pool(options.threads);
  Trainer trainer(options, batches, held_out_batches, pool, ranks);
  out << pieces.size() << " pieces, " << trainer.theta().size() << " parameters, " << batches.count()
      << " batches an epoch" << std::endl;
  History history;
  residual::Checkpoint state;
  trainer.list(state);
  history.list(state);
  const auto bits = options.bits();
  for (const auto& [name, value] : bits.items()) state.require(name, value.dump());
  state.require("ranks", std::to_string(ranks.count()));
  state.require("training text", std::to_string(corpus.hash()));
  state.require("held-out text", std::to_string(held_out.hash()));
  if (options.resume) {
    const std::string file = from_first(ranks, ranks.is_first() ? read_bytes(folder.checkpoint()) : "");
    state.load(residual::SafeTensors::from_bytes(std::as_bytes(std::span(file)),
                                                 residual::printable_path(folder.checkpoint())));
    history.expect_possible(folder.path.string(), trainer.steps(), options.every, most_steps);
  } else if (ranks.is_first()) {
    std::filesystem::create_directories(folder.path);
    residual::write_file(folder.pieces(), [&](std::ostream& file) { file << piece_bytes; });
  }
  train_steps(trainer, history, state, folder, options, corpus.targets() / batches.count(), ranks);
  finish(trainer, history, folder, options, ranks);
}
