// Loads encoders that PyTorch trained, compares outputs and gradients with PyTorch's, trains on, and writes weights that
// PyTorch loads: import_pytorch.py makes the files and reads the answers.
// ctest: ${PROJECT_SOURCE_DIR}/tests/data/import_pytorch --out import_pytorch_out
// labels: slow
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>

#include "../printed.hpp"
#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/sgd.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

namespace {

using namespace residual;
namespace fs = std::filesystem;

struct Options {
  fs::path in, out;
  int steps = 20;
  double rate = 0.1;
};

/// What PyTorch computed: the gradient is that of the mean squared error between y and target.
struct Problem {
  explicit Problem(const fs::path& path) : file(path) {
    std::istringstream text(file.metadata().at("lengths"));
    std::vector<Index> lengths;
    for (Index length; text >> length;) lengths.push_back(length);
    batch = Batch::of(lengths);
  }
  Tokens<float> matrix(const std::string& name) const {
    const TensorInfo& info = file.at(name);
    Tokens<float> m(info.shape.at(0), info.shape.at(1));
    file.read(info, std::span(m.data(), std::size_t(m.size())));
    return m;
  }

  SafeTensors file;
  Batch batch;
};

template <class A, class B>
double largest_difference(const A& a, const B& b) {
  return double((a - b).cwiseAbs().template maxCoeff<Eigen::PropagateNaN>());
}

/// One pass there and back against PyTorch's; returns whether all agree, which NaN does not.
template <class M>
bool agrees(const M& model, const Parameters<M>& theta, Tape<M>& tape, const Problem& problem) {
  const Tokens<float> x = problem.matrix("x"), target = problem.matrix("target");
  Tokens<float> dy(x.rows(), x.cols()), dx = Tokens<float>::Zero(x.rows(), x.cols());
  Parameters gradient(model), expected(model);
  load_parameters(problem.file, expected, {.prefix = "gradient.", .ignored = {"x", "target", "y", "dx"}});

  const auto y = forward(model, theta, tape, problem.batch, x);
  mse(y, In<float>(target), Out<float>(dy));
  backward(model, theta, tape, dy, gradient, {.x = dx});
  const double of_y = largest_difference(y, problem.matrix("y"));
  const double of_dx = largest_difference(dx, problem.matrix("dx"));
  const double of_gradient = largest_difference(gradient.flat(), expected.flat());
  std::cout << "the largest difference to PyTorch is " << of_y << " in y, " << of_dx << " in dx, " << of_gradient
            << " in the gradient\n";
  return of_y < 1e-4 && of_dx < 1e-4 && of_gradient < 1e-4;
}

/// Gradient descent; returns the loss before the last step.
template <class M>
float train(const M& model, Parameters<M>& theta, Tape<M>& tape, const Problem& problem, const Options& options) {
  const Tokens<float> x = problem.matrix("x"), target = problem.matrix("target");
  Tokens<float> dy(x.rows(), x.cols());
  Parameters gradient(model);
  Sgd<float> sgd(theta.size());
  float loss = 0;
  for (int step = 0; step < options.steps; ++step) {
    loss = mse(forward(model, theta, tape, problem.batch, x), In<float>(target), Out<float>(dy));
    gradient.flat().setZero();
    backward(model, theta, tape, dy, gradient);
    sgd.step(theta.flat(), gradient.flat(), options.rate);
  }
  return loss;
}

/// Everything with one model; returns whether it agrees with PyTorch.
template <class M>
bool run(const M& model, const std::string& name, const Options& options) {
  const SafeTensors file(options.in / (name + ".safetensors"));
  const Problem problem(options.in / (name + ".problem.safetensors"));
  Parameters theta(model);
  load_parameters(file, theta);
  Tape tape(model);
  std::cout << name << ": " << theta.size() << " numbers loaded; ";
  const bool right = agrees(model, theta, tape, problem);

  const float loss = train(model, theta, tape, problem, options);
  std::cout << name << ": trained on for " << options.steps << " steps to a loss of " << loss << '\n';
  fs::create_directories(options.out);
  save_parameters(options.out / (name + ".trained.safetensors"), theta, {}, file.metadata());
  const Tokens<float> x = problem.matrix("x"), y = forward(model, theta, tape, problem.batch, x);
  const std::vector entries{
      TensorEntry::of<float>("y", {y.rows(), y.cols()}, std::span(y.data(), std::size_t(y.size())))};
  write_safetensors(options.out / (name + ".result.safetensors"), entries);
  return right;
}

/// The encoder that the file's metadata describes.
template <class W>
auto encoder_of(const fs::path& path) {
  const SafeTensors file(path);
  const auto size = [&](const char* name) { return Index(std::stol(file.metadata().at(name))); };
  return encoder(W(size("dim")),
                 {.dim = size("dim"), .heads = size("heads"), .hidden = size("hidden"), .depth = size("depth")});
}
template <class W>
bool run(const std::string& name, const Options& options) {
  return run(encoder_of<W>(options.in / (name + ".safetensors")), name, options);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Compares encoders with PyTorch, trains them on and writes them back; see import_pytorch.py."};
  Options options;
  app.option_defaults()->always_capture_default();
  app.add_option("FOLDER", options.in, "the folder that import_pytorch.py wrote")->required();
  app.add_option("--out", options.out, "folder for the trained weights; without it, FOLDER");
  app.add_option("--steps", options.steps, "training steps")->check(CLI::Range(0, 1'000'000));
  app.add_option("--rate", options.rate, "learning rate")->check(CLI::Range(0.0, 1000.0));
  CLI11_PARSE(app, argc, argv);
  if (options.out.empty()) options.out = options.in;
  try {
    const bool post_ln = run<PostLN<float>>("post_ln", options);
    const bool pre_ln = run<PreLN<float>>("pre_ln", options);
    const bool resi_dual = run<ResiDual<float>>("resi_dual", options);
    expect_printed();
    if (post_ln && pre_ln && resi_dual) return 0;
    std::cerr << "import_pytorch: PyTorch computed something else.\n";
  } catch (const std::exception& error) {
    std::cerr << "import_pytorch: " << error.what() << '\n';
  }
  return 1;
}
