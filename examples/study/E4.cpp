#include "E4.hpp"

#include <algorithm>
#include <cmath>

#include "../translation/trainer.hpp"
#include "../translation/translate.hpp"
#include "residual/metrics/translation.hpp"

namespace study {

namespace {

constexpr Index longest = 64;  // pieces of a sentence

/// Every n-th pair of a text, so many that `count` are left.
Bitext some_of(const Bitext& text, std::size_t count) {
  Bitext some;
  const std::size_t every = std::max<std::size_t>(1, text.source.size() / count);
  for (std::size_t i = 0; i < text.source.size() && some.source.size() < count; i += every) {
    some.source.push_back(text.source[i]);
    some.target.push_back(text.target[i]);
  }
  return some;
}
std::string pieces_of(const Bitext& text) {
  auto lines = text.source;
  lines.insert(lines.end(), text.target.begin(), text.target.end());
  return Pieces::learn(lines, 4000);
}

TrainOptions options_of(const Cell& cell, Index pieces) {
  TrainOptions options;
  options.shape = {.encoder = cell.scheme,
                   .decoder = cell.scheme,
                   .encoder_depth = cell.depth,
                   .decoder_depth = cell.depth,
                   .width = cell.width,
                   .heads = 4,
                   .hidden = 4 * cell.width,
                   .vocabulary = pieces};
  options.dropout = {0, 0, 0};
  options.longest = longest;
  options.tokens = cell.batch * cell.length;
  options.steps = cell.steps;
  options.warmup = cell.warmup * cell.steps / 100;
  options.rate = cell.rate;
  options.clip = 1;
  options.schedule = "cosine";
  options.start = cell.init;
  options.seed = cell.seed;
  return options;
}

}  // namespace

struct SentencePairs::Data {
  explicit Data(const std::filesystem::path& folder)
      : text(folder, "train", "de", "en"),
        test(some_of(Bitext(folder, "test", "de", "en"), 100)),
        pieces(pieces_of(text)),
        training(text, pieces, longest),
        held_out(some_of(Bitext(folder, "valid", "de", "en"), 400), pieces, longest) {}

  Bitext text, test;
  Pieces pieces;
  Corpus training, held_out;
};

SentencePairs::SentencePairs(const std::filesystem::path& folder) : data_(std::make_unique<Data>(folder)) {}
SentencePairs::~SentencePairs() = default;

Json SentencePairs::translates(const Cell& cell) const {
  const TrainOptions options = options_of(cell, data_->pieces.size());
  Batches batches(data_->training, options.tokens, data_->pieces.begin());
  const Batches held_out(data_->held_out, options.tokens, data_->pieces.begin());
  const residual::Threads pool(1);
  const Ranks alone;
  Trainer trainer(options, batches, held_out, pool, alone);
  Json curve = Json::array();
  double loss = 0;
  for (Index step = 0; step < cell.steps && std::isfinite(loss); ++step) {
    if (step * 5 % cell.steps < 5) curve.push_back({step, number_or_null(trainer.held_out_loss())});
    loss = trainer.step(step);
  }
  const double held_out_loss = trainer.held_out_loss();
  curve.push_back({cell.steps, number_or_null(held_out_loss)});
  Json result{{"held_out", number_or_null(held_out_loss)}, {"curve", curve}};
  if (!std::isfinite(held_out_loss)) return result;
  result["sentences"] = trainer.held_out_losses();
  std::vector<std::string> translations;
  for (std::size_t i = 0; i < data_->test.source.size(); i += 20) {
    const auto first = data_->test.source.begin() + std::ptrdiff_t(i);
    const std::vector<std::string> lines(first, std::min(first + 20, data_->test.source.end()));
    for (auto& line : translations_of(lines, options.shape, trainer.theta(), data_->pieces, {}, pool)) {
      translations.push_back(std::move(line));
    }
  }
  result["bleu"] = residual::bleu(translations, data_->test.target);
  result["chrf"] = residual::chrf(translations, data_->test.target);
  return result;
}

}  // namespace study
