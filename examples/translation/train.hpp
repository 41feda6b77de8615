#pragma once

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "../support/interrupt.hpp"
#include "../support/progress.hpp"
#include "average.hpp"
#include "residual/io/write_file.hpp"
#include "trainer.hpp"

/// How far a run is.
struct History {
  Index steps = 0;                                   ///< done
  double sum = 0;                                    ///< of the training losses since the last held-out one
  std::vector<Index> at;                             ///< steps after which the held-out loss was measured,
  std::vector<double> training = {}, held_out = {};  ///< it, and the mean training loss before

  void list(residual::Checkpoint& state) {
    state.add("run.steps", steps).add("run.sum", sum);
    state.add("run.at", at).add("run.training", training).add("run.held_out", held_out);
  }
  void add(double loss) {
    training.push_back(sum / double(steps - (at.empty() ? 0 : at.back())));
    held_out.push_back(loss);
    at.push_back(steps);
    sum = 0;
  }
  /// Which held-out loss is the lowest, the first of equals.
  std::size_t best() const {
    return std::size_t(std::min_element(held_out.begin(), held_out.end()) - held_out.begin());
  }
  /// Whether the last `patience` held-out losses brought no new lowest.
  bool waited(Index patience) const {
    return patience > 0 && !held_out.empty() && Index(held_out.size() - 1 - best()) >= patience;
  }
  std::string csv() const {
    std::ostringstream table;
    table.precision(17);  // equal files are equal bits
    table << "step,training,held_out\n";
    for (std::size_t i = 0; i < at.size(); ++i) table << at[i] << ',' << training[i] << ',' << held_out[i] << '\n';
    return table.str();
  }
};

/// Trains until the steps are done, the held-out loss falls no more, a loss is no number, or somebody asks to stop.
inline void train_steps(Trainer& trainer, History& history, const residual::Checkpoint& state, const RunFolder& folder,
                        const TrainOptions& options, Index tokens_a_step) {
  Progress progress(1, options.steps, tokens_a_step);
  const auto& [encoder, decoder] = std::tie(options.shape.encoder, options.shape.decoder);
  progress.begin(encoder == decoder ? encoder : encoder + " to " + decoder, history.steps);
  while (history.steps < options.steps && !history.waited(options.patience) && !Interrupt::asked()) {
    const double loss = trainer.step(history.steps++);
    if (!std::isfinite(loss)) {
      throw std::runtime_error("The loss of step " + std::to_string(history.steps) +
                               " is no number: the training has diverged. A smaller --rate, a longer --warmup or "
                               "--clip may help; the last checkpoint is from before.");
    }
    history.sum += loss;
    progress.show(history.steps, loss);
    const bool measured = history.steps % options.every == 0 || history.steps == options.steps;
    if (measured) {
      history.add(trainer.held_out_loss());
      save_snapshot(folder, trainer.theta(), history.steps, options.average);
      residual::write_file(folder.losses(), [&](std::ostream& out) { out << history.csv(); });
    }
    Interrupt::count_step();
    if (measured || Interrupt::asked()) state.save(folder.checkpoint());
  }
  progress.end();
}

/// Says how it went, and makes the model from the last snapshots.
inline void finish(Trainer& trainer, const History& history, const RunFolder& folder, const TrainOptions& options) {
  std::cout << history.steps << " steps done";
  if (history.held_out.empty()) {
    std::cout << "; there is no model before the first " << options.every << " (--every).\n";
    return;
  }
  std::cout << "; lowest held-out loss " << history.held_out[history.best()] << " nats a piece after step "
            << history.at[history.best()] << ", last " << history.held_out.back() << ".\n";
  average_snapshots(folder, trainer.theta());
  residual::save_parameters(folder.model(), trainer.theta(), {}, {{"shape", to_json(options.shape).dump()}});
  std::cout << "The mean of the last " << folder.snapshots().size() << " snapshots has " << trainer.held_out_loss()
            << "; it is " << folder.model().string() << ".\n";
}

/// Says what is trained on.
inline void describe(const char* name, const Corpus& corpus) {
  std::cout << corpus.pairs.size() << ' ' << name << " pairs, " << corpus.targets()
            << " target pieces; left out: " << corpus.empty << " empty, " << corpus.too_long << " too long\n";
}

/// The bytes of the run's pieces: learned from the text, or, to resume, those that it began with.
inline std::string pieces_of(const Bitext& text, const RunFolder& folder, const TrainOptions& options) {
  if (options.resume) return Pieces::read(folder.pieces());
  auto lines = text.source;
  lines.insert(lines.end(), text.target.begin(), text.target.end());
  return Pieces::learn(lines, options.shape.vocabulary);
}

/// `translation train`. What cannot be is refused before anything is written.
inline void train(TrainOptions options) {
  Interrupt::watch(options.stop_after);
  const RunFolder folder{options.folder};
  folder.expect_fits(options.resume);
  translator(options.shape, options.longest, options.dropout);
  const Bitext text(options.data, "train", options.source, options.target);
  const Bitext held_out_text(options.data, "valid", options.source, options.target);
  const std::string piece_bytes = pieces_of(text, folder, options);
  const Pieces pieces(piece_bytes);
  options.shape.vocabulary = pieces.size();
  const Corpus corpus(text, pieces, options.longest), held_out(held_out_text, pieces, options.longest);
  Batches batches(corpus, options.tokens, pieces.begin());
  const Batches held_out_batches(held_out, options.tokens, pieces.begin());
  describe("training", corpus);
  describe("held-out", held_out);
  const residual::Threads pool(options.threads);
  Trainer trainer(options, batches, held_out_batches, pool);
  std::cout << pieces.size() << " pieces, " << trainer.theta().size() << " parameters, " << batches.count()
            << " batches an epoch" << std::endl;
  History history;
  residual::Checkpoint state;
  trainer.list(state);
  history.list(state);
  const auto bits = options.bits();
  for (const auto& [name, value] : bits.items()) state.require(name, value.dump());
  state.require("training text", std::to_string(corpus.hash()));
  state.require("held-out text", std::to_string(held_out.hash()));
  if (options.resume) {
    state.load(folder.checkpoint());
  } else {
    std::filesystem::create_directories(folder.path);
    residual::write_file(folder.pieces(), [&](std::ostream& out) { out << piece_bytes; });
  }
  train_steps(trainer, history, state, folder, options, corpus.targets() / batches.count());
  finish(trainer, history, folder, options);
}
