// libtorch's C++ frontend as a contestant: torch::nn::TransformerEncoder, which is Post-LN. Its tokens are [n x batch x
// dim], its own layout.
#include <torch/torch.h>

#include "worker.hpp"

namespace {

using peers::Problem;
using residual::Index;

class Encoder final : public peers::Contestant {
 public:
  explicit Encoder(const Problem& problem)
      : batch_(problem.batch()), dim_(problem.dim()), training_(problem.training()), model_(make_model(problem)) {
    for (auto& parameter : model_->named_parameters()) {
      auto values = problem.tensor(parameter.key());
      torch::NoGradGuard no_grad;
      parameter.value().copy_(torch::from_blob(values.data(), parameter.value().sizes()));
      parameter.value().requires_grad_(training_);
    }
    model_->train(training_);
    x_ = padded(problem.tensor("x")).requires_grad_(training_);
    if (training_) dy_ = padded(problem.tensor("dy"));
    if (batch_.longest() * batch_.sequences() != batch_.tokens()) mask_ = padding();
  }

  void step() override {
    if (!training_) {
      const torch::InferenceMode inference;
      y_ = model_->forward(x_, {}, mask_);
      return;
    }
    x_.mutable_grad().reset();
    model_->zero_grad(true);
    y_ = model_->forward(x_, {}, mask_);
    y_.backward(dy_);
  }

  peers::Results results() override {
    peers::Results results;
    add_tokens(results, "y", y_.detach());
    if (!training_) return results;
    add_tokens(results, "dx", x_.grad());
    for (auto& parameter : model_->named_parameters()) {
      const auto gradient = parameter.value().grad().contiguous();
      results.add("d" + parameter.key(), gradient.sizes().vec(), values(gradient));
    }
    return results;
  }

 private:
  static torch::nn::TransformerEncoder make_model(const Problem& problem) {
    const auto layer = torch::nn::TransformerEncoderLayerOptions(problem.dim(), problem.heads())
                           .dim_feedforward(problem.hidden())
                           .dropout(0)
                           .activation(torch::kReLU);
    return torch::nn::TransformerEncoder(torch::nn::TransformerEncoderOptions(layer, problem.depth()));
  }
  auto row(torch::Tensor& tokens) const {
    return [data = tokens.data_ptr<float>(), this](Index i, Index j) {
      return data + (j * batch_.sequences() + i) * dim_;
    };
  }
  torch::Tensor padded(std::vector<float> packed) const {
    auto tokens = torch::zeros({batch_.longest(), batch_.sequences(), dim_});
    peers::copy_rows(batch_, dim_, packed.data(), false, row(tokens));
    return tokens;
  }
  torch::Tensor padding() const {
    auto mask = torch::ones({batch_.sequences(), batch_.longest()}, torch::kBool);
    for (Index i = 0; i < batch_.sequences(); ++i) mask[i].slice(0, 0, batch_.length(i)).fill_(false);
    return mask;
  }
  static std::vector<float> values(const torch::Tensor& tensor) {
    return {tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel()};
  }
  void add_tokens(peers::Results& results, std::string name, const torch::Tensor& tensor) const {
    auto tokens = tensor.contiguous();
    std::vector<float> packed(std::size_t(batch_.tokens() * dim_));
    peers::copy_rows(batch_, dim_, packed.data(), true, row(tokens));
    results.add(std::move(name), {batch_.tokens(), dim_}, std::move(packed));
  }

  residual::Batch batch_;
  Index dim_;
  bool training_;
  torch::nn::TransformerEncoder model_;
  torch::Tensor x_, dy_, y_, mask_;
};

std::unique_ptr<peers::Contestant> make(const std::string& path, int threads) {
  torch::set_num_threads(threads);
  return std::make_unique<Encoder>(Problem(path));
}

}  // namespace

int main() { return peers::serve(make); }
