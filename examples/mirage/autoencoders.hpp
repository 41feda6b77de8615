#pragma once

#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "options.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/layers/feed_forward.hpp"
#include "residual/model/chain.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "train.hpp"

/// What an autoencoder of one size and seed made of every test image.
struct Autoencoder {
  Index size;  ///< how many hidden units it has
  std::uint64_t seed;
  std::vector<double> errors = {};  ///< mean over an image's pixels of (x - xhat)^2
};

/// Random images, one a row, as smooth as natural ones: sums of waves whose amplitudes fall as 1 / frequency, with normal
/// coefficients. The pixels' variance is 1.
class RandomImages {
 public:
  explicit RandomImages(Index side) {
    std::vector<std::array<Index, 2>> waves;  // of a wave and its opposite, one
    const Index most = (side - 1) / 2;
    for (Index u = 0; u <= most; ++u) {
      for (Index v = u == 0 ? 1 : -most; v <= most; ++v) waves.push_back({u, v});
    }
    waves_.resize(2 * Index(waves.size()), side * side);
    double power = 0;
    for (std::size_t k = 0; k < waves.size(); ++k) {
      const auto [u, v] = waves[k];
      const double amplitude = 1 / std::hypot(double(u), double(v));
      power += amplitude * amplitude;
      for (Index i = 0; i < side * side; ++i) {
        const double phase = 2 * std::numbers::pi * double(u * (i / side) + v * (i % side)) / double(side);
        waves_(2 * Index(k), i) = float(amplitude * std::cos(phase));
        waves_(2 * Index(k) + 1, i) = float(amplitude * std::sin(phase));
      }
    }
    waves_ /= float(std::sqrt(power));
  }

  residual::Tokens<float> draw(Index count, residual::Random& random) const {
    residual::Tokens<float> coefficients(count, waves_.rows());
    for (Index i = 0; i < coefficients.size(); ++i) coefficients.data()[i] = float(random.normal());
    return coefficients * waves_;
  }

 private:
  residual::Tokens<float> waves_;
};

/// Trains an autoencoder with one hidden layer, which is what a feed-forward layer is, of every size for every seed and tests
/// it; those that are complete when somebody asks to stop.
inline std::vector<Autoencoder> train_autoencoders(const Options& options, const residual::Threads& pool) {
  using namespace residual;
  const RandomImages source(options.side);
  Random test_random(0, 0);
  const Tokens<float> tests = source.draw(options.images, test_random);
  const auto batch_of = [](Index count) { return Batch::of(std::vector<Index>(std::size_t(count), 1)); };
  const Batch batch = batch_of(options.batch), test_batch = batch_of(options.images);
  Progress progress(Index(options.bottlenecks.size() * options.seeds), options.image_steps, options.batch);
  std::vector<Autoencoder> autoencoders;
  for (std::uint64_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
    for (const Index bottleneck : options.bottlenecks) {
      const auto model = chain(FeedForward<float>{.dim = options.side * options.side, .hidden = bottleneck});
      Parameters theta(model);
      initialise(theta, seed);
      Tape tape(model, pool);
      Random random(seed, ~std::uint64_t(0));
      Tokens<float> x, dy(options.batch, tests.cols());
      const auto pass = [&](auto& gradient) {
        x = source.draw(options.batch, random);
        const double loss = mse(forward(model, theta, tape, batch, x), x, dy, pool);
        backward(model, theta, tape, dy, gradient);
        return loss;
      };
      const std::string name = "autoencoder, " + std::to_string(bottleneck) + " units, seed " + std::to_string(seed);
      if (!train(theta, options.image_steps, options.image_rate, name, progress, pass)) return autoencoders;
      Autoencoder& own = autoencoders.emplace_back(Autoencoder{bottleneck, seed});
      const auto y = forward(model, theta, tape, test_batch, tests);
      for (Index i = 0; i < options.images; ++i)
        own.errors.push_back((y.row(i) - tests.row(i)).squaredNorm() / float(y.cols()));
    }
  }
  return autoencoders;
}
