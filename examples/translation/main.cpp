// Trains a translation model of any residual scheme, translates with it, and scores translations.
// labels: slow
#include <CLI/CLI.hpp>
#include <iostream>
#include <new>
#include <stdexcept>

#include "../printed.hpp"
#include "options.hpp"
#include "score.hpp"
#include "train.hpp"
#include "translate.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Trains a translation model of any residual scheme, translates with it, and scores translations."};
  app.require_subcommand(1);
  TrainOptions to_train;
  TranslateOptions to_translate;
  ScoreOptions to_score;
  auto* const train_command = app.add_subcommand("train", "learns from pairs of sentences");
  auto* const translate_command = app.add_subcommand("translate", "translates standard input, a sentence a line");
  auto* const score_command = app.add_subcommand("score", "BLEU and chrF of standard input beside references");
  to_train.add_to(*train_command);
  to_translate.add_to(*translate_command);
  to_score.add_to(*score_command);
  CLI11_PARSE(app, argc, argv);
  const auto work = [&](const Ranks& ranks) {
    try {
      if (*train_command) {
        expect_same_options(ranks, train_command->config_to_str(true));
        train(to_train, ranks);
      }
      if (*translate_command) translate(to_translate, std::cin, std::cout);
      if (*score_command) score(to_score, std::cin, std::cout);
      expect_printed();
    } catch (const std::bad_alloc&) {
      throw std::runtime_error("there is not enough memory; give a smaller model, or fewer --tokens or --sentences.");
    }
  };
  return *train_command ? run_on_all("translation", work) : run_on(Ranks(), "translation", work);
}
