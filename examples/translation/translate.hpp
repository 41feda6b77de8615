#pragma once

#include <algorithm>
#include <cmath>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../support/options.hpp"
#include "average.hpp"
#include "pieces.hpp"
#include "residual/decode/beam_search.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/kernel/threads.hpp"

/// What `translation translate` is told.
struct TranslateOptions {
  std::string folder;
  residual::Beams beams{.width = 5, .length_penalty = 0.6, .shortest = 2};
  double longest_factor = 1.2;
  Index longest_more = 10;
  Index sentences = 16, threads = 1;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--model", folder, "folder that `translation train --out` made")->required();
    app.add_option("--beams", beams.width, "hypotheses that are followed at once")->check(CLI::Range(1, 1000));
    app.add_option("--length-penalty", beams.length_penalty, "the larger, the longer the translations");
    app.add_option("--shortest", beams.shortest, "pieces of a translation at least, its end counted")
        ->check(CLI::Range(0, 1'000'000));
    app.add_option("--longest-factor", longest_factor, "a translation of n pieces has at most this times n ...")
        ->check(from_zero_to(1000.0));
    app.add_option("--longest-more", longest_more, "... and so many more")->check(CLI::Range(0, 1'000'000));
    app.add_option("--sentences", sentences, "lines that are read and translated at once; the longest sets the limit")
        ->check(CLI::Range(1, 100'000));
    app.add_option("--threads", threads, "threads; they change the time, not one bit of the results")
        ->check(CLI::Range(Index(1), residual::most_threads));
  }
};

/// The best translation of each sentence; of an empty one it is empty.
inline std::vector<std::string> translations_of(const std::vector<std::string>& sentences, const Shape& shape,
                                                const residual::Parameters<Translator>& theta, const Pieces& pieces,
                                                const TranslateOptions& options, const residual::Threads& pool) {
  std::vector<std::string> translations(sentences.size());
  std::vector<std::size_t> places;  // of those that are not empty
  std::vector<Index> lengths;
  std::vector<int> tokens;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const auto own = pieces.encode(sentences[i]);
    if (own.size() == 1) continue;
    places.push_back(i);
    lengths.push_back(Index(own.size()));
    tokens.insert(tokens.end(), own.begin(), own.end());
  }
  if (places.empty()) return translations;
  const Index longest = *std::max_element(lengths.begin(), lengths.end());
  const double most = options.longest_factor * double(longest) + double(options.longest_more);
  residual::expect(most < 1e6, "A translation of ", longest, " pieces may have ", most,
                   ", more than 1000000; give a smaller --longest-factor or --longest-more.");
  const Index limit = std::max({Index(most), options.beams.shortest, Index(1)});
  const Translator model = translator(shape, std::max(limit, longest));
  residual::Decoding decoding(model, theta, {.sequences = Index(places.size()) * options.beams.width, .longest = limit},
                              pool);
  decoding.start({.batch = residual::Batch::of(lengths), .tokens = tokens});
  const std::vector<std::vector<int>> prompts(places.size(), {pieces.begin()});
  const auto found = residual::beam_search(decoding, prompts, {.tokens = limit, .end = pieces.end()}, options.beams);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!found[i].empty()) translations[places[i]] = pieces.decode(found[i][0].tokens);
  }
  return translations;
}

/// A model that was trained, with its pieces.
class Trained {
 public:
  /// Throws when a file is missing or cannot be read.
  explicit Trained(const RunFolder& folder)
      : pieces_(read_bytes(folder.pieces())), shape_(read_shape(folder)), theta_(translator(shape_, 1)) {
    residual::expect(pieces_.size() == shape_.vocabulary, folder.pieces(), " has ", pieces_.size(),
                     " pieces, but the model in ", folder.model(), " was trained with ", shape_.vocabulary,
                     "; give the folder of one run.");
    residual::load_parameters(folder.model(), theta_);
  }

  std::vector<std::string> translate(const std::vector<std::string>& sentences, const TranslateOptions& options,
                                     const residual::Threads& pool) const {
    return translations_of(sentences, shape_, theta_, pieces_, options, pool);
  }

 private:
  static Shape read_shape(const RunFolder& folder) {
    const residual::SafeTensors file(folder.model());
    try {
      return shape_from(file.metadata().at("shape"));
    } catch (const std::logic_error&) {
      throw std::invalid_argument(file.source() +
                                  " is no model that `translation train` wrote: it does not say in its "
                                  "metadata what shape it has.");
    }
  }

  Pieces pieces_;
  Shape shape_;
  residual::Parameters<Translator> theta_;
};

/// `translation translate`: a sentence a line.
inline void translate(const TranslateOptions& options, std::istream& in, std::ostream& out) {
  const Trained model(RunFolder{options.folder});
  const residual::Threads pool(options.threads);
  std::vector<std::string> lines;
  const auto flush = [&] {
    for (const auto& translation : model.translate(lines, options, pool)) out << translation << '\n';
    out.flush();
    lines.clear();
  };
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (Index(lines.size()) == options.sentences) flush();
  }
  residual::expect(!in.bad(), "The input cannot be read to its end, so translations are missing.");
  flush();
}
