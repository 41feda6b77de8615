#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "../support/options.hpp"
#include "../support/ranks/failure.hpp"
#include "residual/kernel/parallel.hpp"
#include "shape.hpp"

/// What `translation train` is told. The defaults are those with which the ResiDual paper trained on IWSLT-14.
struct TrainOptions {
  std::string data, folder;
  bool resume = false;
  std::string source = "de", target = "en";
  std::string scheme = "ResiDual";
  Index depth = 6;
  Shape shape;
  DropoutRates dropout;
  Index longest = 128, tokens = 4096;
  Index steps = 50000, warmup = 4000, every = 1000, average = 5, patience = 10, stop_after = 0;
  double rate = 5e-4, smoothing = 0.1, decay = 1e-4, clip = 0;
  std::string schedule = "inverse-sqrt", start = "fairseq";
  std::uint64_t seed = 1;
  Index threads = 1;
  Failure failure;

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    add_files(app);
    add_model(app);
    add_training(app);
  }

  /// What decides about the bits of a run, with names.
  nlohmann::json bits() const {
    auto json = to_json(shape);
    json["dropout"] = {dropout.residual, dropout.attention, dropout.activation};
    json["tokens"] = tokens, json["longest"] = longest, json["seed"] = seed, json["start"] = start;
    json["rate"] = rate, json["warmup"] = warmup, json["schedule"] = schedule, json["smoothing"] = smoothing;
    json["decay"] = decay, json["clip"] = clip, json["every"] = every;
    if (schedule == "cosine") json["steps"] = steps;
    return json;
  }

 private:
  void add_files(CLI::App& app) {
    app.add_option("--data", data, "folder of train.de, train.en, valid.de and valid.en, a sentence a line")
        ->required();
    app.add_option("--out", folder, "folder for pieces, checkpoint, weights and model")->required();
    app.add_flag("--resume", resume, "go on with the run in --out, to the same bits");
    app.add_option("--source", source, "the language that is translated: how its files end");
    app.add_option("--target", target, "the language of the translations");
    app.add_option("--pieces", shape.vocabulary, "pieces of words that both languages share, at most")
        ->check(from_one_to(1'000'000));
    app.add_option("--longest", longest, "pieces of a sentence; longer ones are left out")->check(from_one_to(100'000));
  }
  void add_model(CLI::App& app) {
    app.add_option("--scheme", scheme, "residual scheme of encoder and decoder");
    app.add_option("--encoder-scheme", shape.encoder, "that of the encoder, if it is another")->default_str("");
    app.add_option("--decoder-scheme", shape.decoder, "that of the decoder, if it is another")->default_str("");
    app.add_option("--depth", depth, "blocks of encoder and decoder")->check(from_one_to(1000));
    app.add_option("--encoder-depth", shape.encoder_depth, "those of the encoder, if they are others")
        ->check(from_one_to(1000))
        ->default_str("");
    app.add_option("--decoder-depth", shape.decoder_depth, "those of the decoder, if they are others")
        ->check(from_one_to(1000))
        ->default_str("");
    app.add_option("--width", shape.width, "features of a token")->check(from_one_to(1 << 16));
    app.add_option("--heads", shape.heads, "attention heads; they divide the width")->check(from_one_to(1 << 16));
    app.add_option("--hidden", shape.hidden, "features inside a feed-forward layer")->check(from_one_to(1 << 20));
    app.add_option("--start", start, "rule by which weights are drawn")->check(CLI::IsMember({"fairseq", "Xavier"}));
    app.final_callback([this, &app] {
      if (app.count("--encoder-scheme") == 0) shape.encoder = scheme;
      if (app.count("--decoder-scheme") == 0) shape.decoder = scheme;
      if (app.count("--encoder-depth") == 0) shape.encoder_depth = depth;
      if (app.count("--decoder-depth") == 0) shape.decoder_depth = depth;
    });
  }
  void add_training(CLI::App& app) {
    app.add_option("--tokens", tokens, "pieces of either language in a batch, at most, on all ranks together")
        ->check(from_one_to(10'000'000));
    app.add_option("--steps", steps, "training steps, at most")->check(from_one_to(most_steps));
    app.add_option("--rate", rate, "AdamW's highest learning rate")->check(from_zero_to(1000.0));
    app.add_option("--warmup", warmup, "steps in which the rate rises to its highest")->check(from_zero_to(most_steps));
    app.add_option("--schedule", schedule, "how the rate falls then")->check(CLI::IsMember({"inverse-sqrt", "cosine"}));
    app.add_option("--dropout", dropout.residual, "of embeddings and sub-layers")->check(CLI::Range(0.0, 1.0));
    app.add_option("--attention-dropout", dropout.attention, "of attention weights")->check(CLI::Range(0.0, 1.0));
    app.add_option("--activation-dropout", dropout.activation, "inside feed-forward layers")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--smoothing", smoothing, "label smoothing")->check(CLI::Range(0.0, 1.0));
    app.add_option("--decay", decay, "weight decay")->check(from_zero_to(1000.0));
    app.add_option("--clip", clip, "norm to which a gradient is clipped; 0: never")->check(from_zero_to(1e9));
    app.add_option("--every", every, "steps from one held-out loss, checkpoint and snapshot of weights to the next")
        ->check(from_one_to(most_steps));
    app.add_option("--average", average, "last snapshots whose mean is the model")->check(from_one_to(1000));
    app.add_option("--patience", patience, "held-out losses without a new lowest after which it stops; 0: never")
        ->check(from_zero_to(most_steps));
    app.add_option("--seed", seed, "of weights, order and dropout");
    app.add_option("--threads", threads, "threads of each rank; they change the time, not one bit of the results")
        ->check(from_one_to(residual::most_threads));
    app.add_option("--stop-after", stop_after, "steps of this call after which it stops as at Ctrl-C; 0: never")
        ->check(from_zero_to(most_steps));
    failure.add_to(app);
  }
};
