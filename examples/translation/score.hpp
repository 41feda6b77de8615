#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "residual/metrics/translation.hpp"

/// What `translation score` is told.
struct ScoreOptions {
  std::string references;

  void add_to(CLI::App& app) {
    app.add_option("REFERENCES", references, "file of the right translations, a sentence a line")->required();
  }
};

/// `translation score`: the translations, a sentence a line, beside the references.
inline void score(const ScoreOptions& options, std::istream& in, std::ostream& out) {
  const auto references = read_lines(options.references);
  std::vector<std::string> answers;
  for (std::string line; std::getline(in, line);) answers.push_back(line);
  const double bleu = residual::bleu(answers, references), chrf = residual::chrf(answers, references);
  out << "BLEU " << bleu << ", chrF " << chrf << ", of " << answers.size() << " sentences\n";
}
