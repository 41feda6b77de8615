#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "residual/kernel/threads.hpp"
#include "residual/metrics/intervals.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/initialise.hpp"
#include "residual/wiring/resi_dual.hpp"

using residual::Index;

/// Sizes of an encoder and of its input: `batch` sequences of `length` tokens.
struct Point {
  Index dim = 64, length = 64, depth = 1, batch = 1;

  Index tokens() const { return batch * length; }
  /// Multiplications a token in the matrix products of inference.
  double products() const { return double(depth * dim) * double(12 * dim + 2 * length); }
};

/// An encoder of ResiDual with heads of 64 features, random weights and input.
template <class S>
class Runs {
 public:
  using Model = residual::Encoder<residual::ResiDual<S>>;

  Runs(const Point& p, const residual::Executor& executor)
      : model_(residual::encoder(
            residual::ResiDual<S>(p.dim),
            {.dim = p.dim, .heads = std::max<Index>(p.dim / 64, 1), .hidden = 4 * p.dim, .depth = p.depth})),
        batch_(residual::Batch::of(std::vector<Index>(std::size_t(p.batch), p.length))),
        x_(residual::Tokens<S>::Random(p.tokens(), p.dim)),
        dy_(residual::Tokens<S>::Random(p.tokens(), p.dim)),
        dx_(x_),
        theta_(model_),
        gradient_(model_),
        inference_(model_, residual::Keep::nothing, executor),
        training_(model_, executor) {
    residual::initialise(theta_, 1);
  }

  void infer() { residual::forward(model_, theta_, inference_, batch_, x_); }
  void train() {
    residual::forward(model_, theta_, training_, batch_, x_);
    gradient_.flat().setZero();
    dx_.setZero();
    residual::backward(model_, theta_, training_, dy_, gradient_, {.x = dx_});
  }
  /// Whether the last gradient holds neither infinities nor NaN.
  bool finite() const { return gradient_.flat().allFinite() && dx_.allFinite(); }
  Index parameters() const { return theta_.size(); }
  /// Of activations and temporaries in training.
  double mebibytes() const { return double(training_.bytes()) / (1 << 20); }

 private:
  Model model_;
  residual::Batch batch_;
  residual::Tokens<S> x_, dy_, dx_;
  residual::Parameters<Model> theta_, gradient_;
  residual::Tape<Model> inference_, training_;
};

/// How long work() takes, in seconds.
template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The median of what round() returns: at least three rounds, and as many as fit into `seconds`.
template <class Round>
double median_of_rounds(double seconds, Round&& round) {
  std::vector<double> values;
  for (double spent = 0; values.size() < 3 || spent < seconds;) spent += seconds_of([&] { values.push_back(round()); });
  return residual::median(std::move(values));
}
