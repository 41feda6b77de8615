// An observer sees what every linear map reads: all of its columns, all rows, once in a forward pass.
// group: models
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/sub_ln_feed_forward.hpp"
#include "residual/model/chain.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/masked_language_model.hpp"
#include "residual/model/token_encoder.hpp"
#include "residual/model/token_encoder_decoder.hpp"
#include "residual/wiring/pre_ln.hpp"

#include "support/randomise.hpp"

namespace {

using namespace residual;
using test_support::random_tokens;

/// Counts the rows that each column of each weight reads, and compares what the last map of a sub-layer makes of its input
/// with the sub-layer's output.
class LinearInputRecorder final : public Observer<double> {
 public:
  template <class M>
  explicit LinearInputRecorder(const Parameters<M>& theta) : data_(theta.data()), manifest_(theta.manifest()) {}

  void linear_input(In<double> weight, In<double> x) override {
    EXPECT_EQ(weight.rows(), x.cols());
    const Index place = weight.data() - data_;
    const auto holds = [&](const ManifestEntry& e) { return e.offset <= place && place < e.offset + e.size(); };
    const auto tensor = std::find_if(manifest_.begin(), manifest_.end(), holds);
    ASSERT_NE(tensor, manifest_.end()) << "a weight that is none of the parameters";
    auto& rows = rows_[tensor->name];
    rows.resize(std::size_t(tensor->cols));
    for (Index j = 0; j < weight.cols(); ++j)
      rows[std::size_t((place - tensor->offset) % tensor->cols + j)] += x.rows();
    last_ = x * weight;
    const auto bias = tensor + 1;  // it stands behind its weight
    if (bias == manifest_.end() || bias->role != Role::bias) return;
    last_.rowwise() += Eigen::Map<const Row<double>>(data_ + bias->offset, weight.cols());
  }
  void branch(Site, In<double>, In<double> fx) override {
    ASSERT_LE(last_.rows(), fx.rows());
    EXPECT_LT((fx.bottomRows(last_.rows()) - last_).cwiseAbs().maxCoeff(), 1e-13);
  }
  /// How many rows all columns of the weight read; -1 when they differ.
  Index rows(const std::string& name) {
    const auto& rows = rows_[name];
    if (rows.empty()) return 0;
    for (const Index count : rows) {
      if (count != rows.front()) return -1;
    }
    return rows.front();
  }

 private:
  const double* data_;
  Manifest manifest_;
  std::map<std::string, std::vector<Index>> rows_;
  Tokens<double> last_;
};

/// Forward and backward show every weight `tokens` rows, those that expected(name) knows as many as it says.
template <class M>
void expect_all_seen(M model, const typename M::Input& input,
                     const std::function<Index(const std::string&)>& expected) {
  for (const Recompute recompute : {Recompute::nothing, Recompute::sublayers, Recompute::blocks}) {
    if constexpr (requires { model.recompute; }) model.recompute = recompute;
    if constexpr (requires { model.stack.recompute; }) model.stack.recompute = recompute;
    Parameters theta(model), gradient(model);
    test_support::randomise(theta, 1);
    for (const Keep keep : {Keep::for_backward, Keep::nothing}) {
      LinearInputRecorder recorder(theta);
      Tape tape(model, keep);
      tape.observe(&recorder);
      const Tokens<double> y = forward(model, theta, tape, input);
      if (keep == Keep::for_backward) backward(model, theta, tape, y, gradient);
      for (const ManifestEntry& tensor : theta.manifest()) {
        const Index rows = tensor.role == Role::weight ? expected(tensor.name) : 0;
        EXPECT_EQ(recorder.rows(tensor.name), rows) << tensor.name;
      }
    }
  }
}

const Sizes sizes{.dim = 4, .heads = 2, .hidden = 6, .depth = 2, .causal = true};
constexpr Index many = 700;  // rows of a feed-forward layer come in blocks of 512

TEST(LinearInput, OfEncoders) {
  const Tokens<double> x = random_tokens<double>(many, 4, 1);
  const Batch batch = Batch::of({many / 2, many - many / 2});
  const auto tokens = [](const std::string&) { return many; };
  expect_all_seen(encoder(PreLN<double>(4), sizes), {batch, x}, tokens);
  expect_all_seen(encoder<GatedFeedForward>(PreLN<double>(4), sizes), {batch, x}, tokens);
  const SelfAttentionOf<double, LayerNorm<double>> attention{.dim = 4, .heads = 2, .inner = LayerNorm<double>(4)};
  const SubLNFeedForward<double, LayerNorm<double>> ffn{4, 6, LayerNorm<double>(6)};
  expect_all_seen(encoder(PreLN<double>(4), {.depth = 2}, attention, ffn), {batch, x}, tokens);
}

TEST(LinearInput, OfDecodersAndChains) {
  const Tokens<double> x = random_tokens<double>(5, 4, 1), memory = random_tokens<double>(7, 4, 2);
  expect_all_seen(encoder_decoder(encoder(PreLN<double>(4), sizes), decoder(PreLN<double>(4), sizes)),
                  {Batch::of({3, 2}), x, Batch::of({3, 4}), memory}, [](const std::string& name) -> Index {
                    if (name.ends_with("multihead_attn.in_proj_weight")) return -1;  // q reads x, k and v the memory
                    return name.starts_with("encoder.") ? 7 : 5;
                  });
  expect_all_seen(chain(Linear<double>{4, 4}, encoder(PreLN<double>(4), sizes), Pool<double>{4}, Linear<double>{4, 3}),
                  {Batch::of({3, 2}), x}, [](const std::string& name) -> Index { return name == "3.weight" ? 2 : 5; });
}

TEST(LinearInput, OfModelsOfTokens) {
  const std::vector<int> tokens{1, 2, 0, 2, 1};
  const Batch batch = Batch::of({3, 2});
  const Embedding<double> embedding(3, 4, 8);
  const auto all = [](const std::string&) { return Index(5); };
  expect_all_seen(language_model(PreLN<double>(4), sizes, embedding, {.tied = false, .softcap = 5}), {batch, tokens},
                  all);
  expect_all_seen(MaskedLanguageModel(embedding, encoder(PreLN<double>(4), sizes), WordHead<double>{4}),
                  {batch, tokens}, all);
  expect_all_seen(TokenEncoder(embedding, encoder(PreLN<double>(4), sizes), true), {batch, tokens},
                  [](const std::string& name) -> Index { return name.starts_with("pooler.") ? 2 : 5; });
}

}  // namespace
