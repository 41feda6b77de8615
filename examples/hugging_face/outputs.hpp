#pragma once

#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "residual/hub/hugging_face.hpp"
#include "residual/model/tape.hpp"

/// What a model gave for one sequence, by name.
template <class S>
class Outputs {
 public:
  /// Rows of the sequence, [1, n, columns], or one row for all of it, [1, columns].
  void add(const std::string& name, const residual::Tokens<S>& rows, bool of_all = false) {
    all_.push_back({name, rows, of_all});
  }

  /// One line each: name, shape, the first numbers.
  void print() const {
    for (const Output& output : all_) {
      const auto shape = output.shape();
      std::cout << output.name << ' ' << residual::describe(*residual::dtype_of<S>(), shape) << ':';
      std::cout << std::setprecision(6);
      for (residual::Index i = 0; i < std::min<residual::Index>(4, output.rows.size()); ++i) {
        std::cout << ' ' << output.rows.data()[i];
      }
      std::cout << (output.rows.size() > 4 ? " ...\n" : "\n");
    }
  }
  void write(const std::filesystem::path& path) const {
    std::vector<residual::TensorEntry> entries;
    for (const Output& output : all_) {
      entries.push_back(residual::TensorEntry::of<S>(output.name, output.shape(),
                                                     {output.rows.data(), std::size_t(output.rows.size())}));
    }
    write_safetensors(path, entries);
  }

 private:
  struct Output {
    std::string name;
    residual::Tokens<S> rows;
    bool of_all;

    std::vector<std::int64_t> shape() const {
      if (of_all) return {1, rows.cols()};
      return {1, rows.rows(), rows.cols()};
    }
  };
  std::vector<Output> all_;
};

/// Adds what enters the first block and what leaves each.
template <class S>
class HiddenStates final : public residual::Observer<S> {
 public:
  explicit HiddenStates(Outputs<S>& outputs) : outputs_(outputs) {}
  void embedding(residual::In<S> x) override { outputs_.add("hidden.embedding", x); }
  void streams(residual::Site site, const residual::Streams<S>& x) override {
    if (site.ends_block()) outputs_.add("hidden.layer." + std::to_string(site.block), x[0]);
  }

 private:
  Outputs<S>& outputs_;
};

/// What the model gives for a sequence of tokens.
template <class M>
Outputs<typename M::Scalar> outputs_of(const residual::HubModel<M>& loaded, const std::vector<int>& tokens,
                                       const residual::Executor& executor) {
  using S = typename M::Scalar;
  Outputs<S> outputs;
  residual::Tape<M> tape(loaded.model(), residual::Keep::nothing, executor);
  HiddenStates<S> hidden(outputs);
  tape.observe(&hidden);
  const auto n = residual::Index(tokens.size());
  const residual::Tokens<S> y =
      tape.forward(loaded.model(), loaded.theta, {.batch = residual::Batch::of({n}), .tokens = tokens});
  const residual::TextConfig& config = loaded.config;
  const bool hidden_states = config.output == residual::TextOutput::hidden_states;
  outputs.add(hidden_states ? "last_hidden_state" : "logits", y.topRows(n));
  if (config.pooler) outputs.add("pooler_output", y.bottomRows(1), true);
  if (hidden_states && !config.causal) {
    const residual::Tokens<S> mean = y.topRows(n).colwise().mean();
    outputs.add("mean_pooled", mean, true);
    outputs.add("sentence_embedding", mean / mean.norm(), true);
  }
  return outputs;
}
