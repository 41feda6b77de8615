#pragma once

#include "captioned.hpp"
#include "text_study.hpp"

/// What came out of adapting the base model to pictures and the new text at once, a step each in turn.
struct PictureRun {
  std::string method;
  std::uint64_t seed;
  Index parameters;        ///< of the model in front, with projection and prompts
  Index trained;           ///< numbers
  Index named, pictures;   ///< how many held-out pictures were named right, of how many
  double text, base_text;  ///< losses on held-out text, nats a character
};

/// Adapts the base model to pictures and the second text, or returns nothing when somebody asked to stop.
inline std::optional<PictureRun> adapt_to_both(const JointMethod& method, const residual::Parameters<Llama>& base,
                                               std::uint64_t seed, const Options& options, const Texts& texts,
                                               const PictureSource& source, const Words& words,
                                               const residual::Threads& pool, Progress& progress) {
  using namespace residual;
  const Parameters<Reader> start =
      extended(base, reader(options.sizes(texts[1].alphabet()), options, method.early, false), seed);
  const auto adaptation = method.begin(start, seed);
  Passes<Reader> passes(adaptation->parameters().model(), pool);

  progress.begin(method.name + ", pictures, seed " + std::to_string(seed), 0);
  Random places(seed, 0), shown(seed, 1), tested(seed, 2);
  const auto rate = rate_of(method.rate, options.picture_steps);
  for (Index step = 0; step < options.picture_steps && !Interrupt::asked(); ++step) {
    const Windows w = some_of(texts[1], options, places);
    passes.step(*adaptation, {.batch = w.batch, .tokens = w.tokens}, w.targets, rate(step));
    const Patches pictures(source.training, options.pictures, shown);
    const Captioned captioned(pictures, words, [&](std::size_t i) { return pictures.words[i]; });
    progress.show(step + 1,
                  passes.step(*adaptation, captioned.input(), captioned.targets(), rate(step), method.picture_set));
    Interrupt::count_step();
  }
  progress.end();
  if (Interrupt::asked()) return std::nullopt;
  const Parameters<Reader>& theta = adaptation->parameters();
  const Patches pictures(source.held_out, options.tested_pictures, tested);
  return PictureRun{method.name,
                    seed,
                    start.size(),
                    adaptation->trained(),
                    named_right(passes, theta, pictures, words),
                    options.tested_pictures,
                    text_loss(passes, theta, texts[1], options),
                    text_loss(passes, theta, texts[0], options)};
}
