// How the cost of an encoder grows: time per token against width d, length n, depth and batch, each alone, with its
// exponent; a very deep stack, forward and backward; and the speed of double as a share of float's.
// ctest: --seconds 0.001 --points 3 --layers 20 --widths 64
#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>

#include "plot.hpp"

namespace {

struct Options {
  double seconds = 0.2;
  Index points = std::numeric_limits<Index>::max(), layers = 1000;
  std::vector<Index> widths{256, 512};
  int threads = 1;
  std::string out = "scaling_out";

  void add_to(CLI::App& app) {
    app.option_defaults()->always_capture_default();
    app.add_option("--seconds", seconds, "for each measurement; at least three passes")->check(CLI::Range(0.0, 3600.0));
    app.add_option("--points", points, "of a curve at most")->check(CLI::Range(Index(2), points));
    app.add_option("--layers", layers, "of the deep stack")->check(CLI::Range(Index(1), Index(100'000)));
    app.add_option("--widths", widths, "at which double is compared with float")
        ->check(CLI::Range(Index(1), Index(1 << 16)));
    app.add_option("--threads", threads, "for all that is measured")
        ->check(CLI::Range(Index(1), residual::most_threads));
    app.add_option("--out", out, "folder for the table (csv) and the plot (svg)");
  }
};

std::vector<Curve> measure_curves(const Options& options, const residual::Executor& executor) {
  const std::vector<Sweep> sweeps = {
      {"d", &Point::dim, {.dim = 64, .batch = 8}, 1024},
      {"n", &Point::length, {.length = 64}, 8192},
      {"depth", &Point::depth, {.depth = 1}, 64},
      {"batch", &Point::batch, {.batch = 1}, 64},
  };
  std::vector<Curve> curves;
  std::puts("| size | from .. to | inference | training | products alone |\n|---|---|---|---|---|");
  for (const Sweep& sweep : sweeps) {
    std::vector<Times> times;
    for (const Point& point : sweep.points(options.points)) times.push_back(measure(point, executor, options.seconds));
    std::printf("| %s (%s) | %d .. %d | %.2f | %.2f | %.2f |\n", sweep.name.c_str(), others(sweep).c_str(),
                int(times.front().point.*sweep.size), int(times.back().point.*sweep.size),
                inference_exponent(sweep, times), training_exponent(sweep, times), products_exponent(sweep, times));
    curves.push_back({sweep, times});
  }
  return curves;
}

/// Whether all gradients are finite.
bool run_deep_stack(const Options& options, const residual::Executor& executor) {
  const Point point{.depth = options.layers};
  Runs<float> runs(point, executor);
  const double first = seconds_of([&] { runs.train(); }), second = seconds_of([&] { runs.train(); });
  const double parameters = 2.0 * double(runs.parameters()) * sizeof(float) / (1 << 20);
  std::printf(
      "\n%d layers of d = %d, %d tokens, forward and backward: %.3f s (the first time %.3f s), %.0f MiB of "
      "weights and gradients, %.0f MiB of activations; gradients are %s.\n",
      int(point.depth), int(point.dim), int(point.tokens()), second, first, parameters, runs.mebibytes(),
      runs.finite() ? "finite" : "NOT finite");
  return runs.finite();
}

/// The speed of double over that of float, in percent, the two in turn.
template <class Pass>
double double_share(const Options& options, Runs<float>& single, Runs<double>& twice, Pass&& pass) {
  pass(single), pass(twice);  // the tapes grow
  return 100 * median_of_rounds(options.seconds, [&] {
           const double time = seconds_of([&] { pass(single); });
           return time / seconds_of([&] { pass(twice); });
         });
}

void compare_double(const Options& options, const residual::Executor& executor) {
  std::puts("\n| double's speed over float's, 8 x 64 tokens | inference | training |\n|---|---|---|");
  for (const Index dim : options.widths) {
    const Point point{.dim = dim, .batch = 8};
    Runs<float> single(point, executor);
    Runs<double> twice(point, executor);
    std::printf("| d %d | %.0f %% | %.0f %% |\n", int(dim),
                double_share(options, single, twice, [](auto& runs) { runs.infer(); }),
                double_share(options, single, twice, [](auto& runs) { runs.train(); }));
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("How the cost of an encoder grows with its sizes");
  Options options;
  options.add_to(app);
  CLI11_PARSE(app, argc, argv);

  const residual::Threads threads(options.threads);
  std::puts("Exponents of the time per token, over the upper half of the sizes:\n");
  const auto curves = measure_curves(options, threads);
  const bool finite = run_deep_stack(options, threads);
  compare_double(options, threads);
  std::printf("\n%s\n", plot(curves, options.out).c_str());
  return finite ? 0 : 1;
}
