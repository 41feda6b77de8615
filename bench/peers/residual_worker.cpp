// This library as a contestant.
#include <optional>

#include "residual/residual.hpp"

#include "worker.hpp"

namespace {

using peers::Problem;
using residual::Index;
using residual::Tokens;

template <class W>
class Encoder final : public peers::Contestant {
 public:
  using Model = residual::Encoder<W>;

  Encoder(const Problem& problem, int threads)
      : threads_(threads),
        model_(residual::encoder(
            W(problem.dim()),
            {.dim = problem.dim(), .heads = problem.heads(), .hidden = problem.hidden(), .depth = problem.depth()})),
        batch_(problem.batch()),
        training_(problem.training()),
        x_(tokens(problem, "x")),
        theta_(model_),
        gradient_(model_),
        tape_(model_, training_ ? residual::Keep::for_backward : residual::Keep::nothing, threads_) {
    for (const auto& entry : theta_.manifest()) {
      const auto values = problem.tensor(entry.name);
      visit(entry, theta_.data(), [&](auto tensor) {
        tensor = Eigen::Map<const Tokens<float>>(values.data(), tensor.rows(), tensor.cols());
      });
    }
    if (!training_) plan_.emplace(theta_);
    if (training_) {
      dy_ = tokens(problem, "dy");
      dx_.setZero(x_.rows(), x_.cols());
    }
  }

  void step() override {
    if (!training_) {
      residual::forward(model_, *plan_, tape_, batch_, x_);
      return;
    }
    residual::forward(model_, theta_, tape_, batch_, x_);
    gradient_.flat().setZero();
    dx_.setZero();
    residual::backward(model_, theta_, tape_, dy_, gradient_, {.x = dx_});
  }

  peers::Results results() override {
    peers::Results results;
    add(results, "y", tape_.y());
    if (!training_) return results;
    add(results, "dx", dx_);
    for (const auto& entry : gradient_.manifest()) {
      visit(entry, gradient_.data(), [&](auto tensor) { add(results, "d" + entry.name, Tokens<float>(tensor)); });
    }
    return results;
  }

 private:
  static Tokens<float> tokens(const Problem& problem, const char* name) {
    const auto values = problem.tensor(name);
    return Eigen::Map<const Tokens<float>>(values.data(), Index(values.size()) / problem.dim(), problem.dim());
  }
  /// f(the tensor as PyTorch has it).
  template <class F>
  static void visit(const residual::ManifestEntry& entry, float* memory, F f) {
    Eigen::Map<Tokens<float>> tensor(memory + entry.offset, entry.rows, entry.cols);
    if (entry.layout == residual::Layout::transposed) {
      f(tensor.transpose());
    } else {
      f(tensor);
    }
  }
  static void add(peers::Results& results, std::string name, residual::In<float> m) {
    results.add(std::move(name), {m.rows(), m.cols()}, std::vector<float>(m.data(), m.data() + m.size()));
  }

  residual::Threads threads_;
  Model model_;
  residual::Batch batch_;
  bool training_;
  Tokens<float> x_, dy_, dx_;
  residual::Parameters<Model> theta_, gradient_;
  std::optional<residual::Plan<Model>> plan_;
  residual::Tape<Model> tape_;
};

std::unique_ptr<peers::Contestant> make(const std::string& path, int threads) {
  const Problem problem(path);
  if (problem.scheme() == "post_ln") return std::make_unique<Encoder<residual::PostLN<float>>>(problem, threads);
  if (problem.scheme() == "pre_ln") return std::make_unique<Encoder<residual::PreLN<float>>>(problem, threads);
  if (problem.scheme() == "resi_dual") return std::make_unique<Encoder<residual::ResiDual<float>>>(problem, threads);
  throw std::invalid_argument("no scheme " + problem.scheme());
}

}  // namespace

int main() { return peers::serve(make); }
