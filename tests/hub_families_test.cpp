// Mistral, Qwen 3 and Gemma 3 against their equations, written down a second time with the names of their files.
// group: hub
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "residual/hub/hugging_face.hpp"
#include "residual/model/tape.hpp"
#include "support/folder.hpp"

namespace {

using namespace residual;
using Matrix = Tokens<double>;

constexpr Index dim = 6, heads = 4, kv_heads = 2, head = 4, hidden = 10, depth = 3, vocabulary = 11;

/// What differs between the families.
struct Family {
  std::string json;
  bool gemma = false, qk_norm = false, tied = false;
  std::vector<Index> windows = {};                  ///< of each layer; 0: none
  std::vector<double> thetas = {}, stretches = {};  ///< of each layer: positions are divided by the second
  double width = 4, epsilon = 1e-6;
};

/// Weights by the names of the file, and what they compute.
class Reference {
 public:
  explicit Reference(const Family& family) : f_(family) {
    add("model.embed_tokens.weight", vocabulary, dim);
    for (Index l = 0; l < depth; ++l) {
      const std::string layer = name(l);
      add(layer + "self_attn.q_proj.weight", heads * head, dim);
      add(layer + "self_attn.k_proj.weight", kv_heads * head, dim);
      add(layer + "self_attn.v_proj.weight", kv_heads * head, dim);
      add(layer + "self_attn.o_proj.weight", dim, heads * head);
      for (const char* norm : {"self_attn.q_norm.weight", "self_attn.k_norm.weight"}) {
        if (f_.qk_norm) add(layer + norm, 1, head);
      }
      add(layer + "mlp.gate_proj.weight", hidden, dim);
      add(layer + "mlp.up_proj.weight", hidden, dim);
      add(layer + "mlp.down_proj.weight", dim, hidden);
      add(layer + "input_layernorm.weight", 1, dim);
      add(layer + "post_attention_layernorm.weight", 1, dim);
      if (f_.gemma) add(layer + "pre_feedforward_layernorm.weight", 1, dim);
      if (f_.gemma) add(layer + "post_feedforward_layernorm.weight", 1, dim);
    }
    add("model.norm.weight", 1, dim);
    if (!f_.tied) add("lm_head.weight", vocabulary, dim);
  }

  std::map<std::string, Matrix>& tensors() { return tensors_; }
  void write(const std::filesystem::path& folder) const {
    std::vector<TensorEntry> entries;
    for (const auto& [tensor, m] : tensors_) {
      std::vector<std::int64_t> shape = {m.rows(), m.cols()};
      if (m.rows() == 1) shape = {m.cols()};
      entries.push_back(TensorEntry::of<double>(tensor, shape, {m.data(), std::size_t(m.size())}));
    }
    write_safetensors(folder / "model.safetensors", entries);
    std::ofstream(folder / "config.json") << f_.json;
  }

  Matrix logits(const std::vector<int>& tokens) const {
    Matrix x(Index(tokens.size()), dim);
    for (Index i = 0; i < x.rows(); ++i) x.row(i) = at("model.embed_tokens.weight").row(tokens[std::size_t(i)]);
    if (f_.gemma) x *= std::sqrt(double(dim));
    for (Index l = 0; l < depth; ++l) {
      const std::string layer = name(l);
      const Matrix a = attention(l, norm(x, layer + "input_layernorm.weight"));
      x += f_.gemma ? norm(a, layer + "post_attention_layernorm.weight") : a;
      const Matrix h =
          norm(x, layer + (f_.gemma ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight"));
      const Matrix gate = linear(h, layer + "mlp.gate_proj.weight").unaryExpr([&](double v) { return act(v); });
      const Matrix m =
          linear(gate.cwiseProduct(linear(h, layer + "mlp.up_proj.weight")), layer + "mlp.down_proj.weight");
      x += f_.gemma ? norm(m, layer + "post_feedforward_layernorm.weight") : m;
    }
    return linear(norm(x, "model.norm.weight"), f_.tied ? "model.embed_tokens.weight" : "lm_head.weight");
  }

 private:
  static std::string name(Index layer) { return "model.layers." + std::to_string(layer) + '.'; }
  void add(const std::string& tensor, Index rows, Index cols) {
    Matrix& m = tensors_[tensor] = Matrix(rows, cols);
    for (Index i = 0; i < m.size(); ++i) m.data()[i] = std::uniform_real_distribution<double>(-1, 1)(random_);
  }
  const Matrix& at(const std::string& tensor) const { return tensors_.at(tensor); }
  Matrix linear(const Matrix& x, const std::string& tensor) const { return x * at(tensor).transpose(); }
  Matrix norm(const Matrix& x, const std::string& tensor) const {
    Matrix y = x;
    for (Index i = 0; i < x.rows(); ++i) {
      y.row(i) /= std::sqrt(x.row(i).squaredNorm() / double(x.cols()) + f_.epsilon);
      for (Index j = 0; j < x.cols(); ++j) y(i, j) *= at(tensor)(0, j) + (f_.gemma ? 1 : 0);
    }
    return y;
  }
  double act(double v) const {
    if (!f_.gemma) return v / (1 + std::exp(-v));
    return v / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v)));
  }
  /// A head's columns, normed and turned.
  Matrix turned(const Matrix& all, Index h, Index layer, const std::string& gain) const {
    Matrix x = all.middleCols(h * head, head);
    if (f_.qk_norm) x = norm(x, gain);
    const double theta = f_.thetas[std::size_t(layer)], stretch = f_.stretches[std::size_t(layer)];
    for (Index i = 0; i < x.rows(); ++i) {
      for (Index pair = 0; pair < head / 2; ++pair) {
        const double angle = double(i) / stretch * std::pow(theta, -2. * double(pair) / double(head));
        const double a = x(i, pair), b = x(i, pair + head / 2);
        x(i, pair) = a * std::cos(angle) - b * std::sin(angle);
        x(i, pair + head / 2) = b * std::cos(angle) + a * std::sin(angle);
      }
    }
    return x;
  }
  Matrix attention(Index l, const Matrix& h) const {
    const std::string layer = name(l) + "self_attn.";
    const Matrix q = linear(h, layer + "q_proj.weight"), k = linear(h, layer + "k_proj.weight"),
                 v = linear(h, layer + "v_proj.weight");
    Matrix o = Matrix::Zero(h.rows(), heads * head);
    for (Index n = 0; n < heads; ++n) {
      const Index shared = n / (heads / kv_heads), window = f_.windows[std::size_t(l)];
      const Matrix scores = turned(q, n, l, layer + "q_norm.weight") *
                            turned(k, shared, l, layer + "k_norm.weight").transpose() / std::sqrt(f_.width);
      for (Index i = 0; i < h.rows(); ++i) {
        double sum = 0;
        for (Index j = window == 0 ? 0 : std::max<Index>(0, i - window + 1); j <= i; ++j) {
          sum += std::exp(scores(i, j));
          o.row(i).segment(n * head, head) += std::exp(scores(i, j)) * v.row(j).segment(shared * head, head);
        }
        o.row(i).segment(n * head, head) /= sum;
      }
    }
    return linear(o, layer + "o_proj.weight");
  }

  Family f_;
  std::mt19937_64 random_{1};
  std::map<std::string, Matrix> tensors_;
};

const std::string sizes = R"("hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 3, "vocab_size": 11,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "max_position_embeddings": 64)";

void expect_logits(const Family& family) {
  const test_support::Folder folder;
  const Reference reference(family);
  reference.write(folder.path);
  const auto loaded = load_language_model<double>(folder.path);
  const std::vector<int> tokens = {3, 0, 10, 3, 9, 1, 4, 4, 7};
  Tape tape(loaded.model(), Keep::nothing);
  const Tokens<double> logits = forward(loaded.model(), loaded.theta, tape, Batch::of({9}), tokens);
  const Matrix expected = reference.logits(tokens);
  EXPECT_LT((logits - expected).cwiseAbs().maxCoeff(), 1e-11 * expected.cwiseAbs().maxCoeff());
}

/// Loading throws a sentence that holds all of `words`.
void expect_refused(const Reference& reference, const std::vector<std::string>& words) {
  const test_support::Folder folder;
  reference.write(folder.path);
  try {
    load_language_model<double>(folder.path);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SafeTensorsError& error) {
    const std::string sentence = error.what();
    for (const auto& word : words) EXPECT_NE(sentence.find(word), std::string::npos) << word << " in: " << sentence;
    EXPECT_TRUE(sentence.ends_with('.')) << sentence;
  }
}

TEST(HubFamilies, AreRefusedWithAllTensorsThatDoNotFit) {
  Reference reference({.json = R"({"model_type": "llama", )" + sizes + "}"});
  auto& tensors = reference.tensors();
  tensors["model.layers.3.input_layernorm.weight"] = tensors["model.norm.weight"];
  tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = Matrix::Ones(1, 2);  // old files have it
  tensors.erase("model.layers.1.self_attn.q_proj.weight");
  tensors["lm_head.weight"].resize(12, 6);
  expect_refused(reference, {"missing: \"model.layers.1.self_attn.q_proj.weight\"; surplus: "
                             "\"model.layers.3.input_layernorm.weight\"; wrong: \"lm_head.weight\" F64 [12, 6]",
                             "[11, 6] is needed; nothing was loaded"});
}
TEST(HubFamilies, MayHoldATiedHeadThatIsTheEmbedding) {
  const Family family{.json = R"({"model_type": "llama", "tie_word_embeddings": true, )" + sizes + "}", .tied = true};
  Reference reference(family);
  reference.tensors()["lm_head.weight"] = reference.tensors()["model.embed_tokens.weight"];
  const test_support::Folder folder;
  reference.write(folder.path);
  EXPECT_NO_THROW(load_language_model<double>(folder.path));
  reference.tensors()["lm_head.weight"](3, 2) += 1;
  expect_refused(reference,
                 {"\"lm_head.weight\" that differs from \"model.embed_tokens.weight\"", "tie_word_embeddings"});
}

TEST(HubFamilies, MistralHasAWindowInAllLayers) {
  expect_logits({.json = R"({"model_type": "mistral", "sliding_window": 3, )" + sizes + "}",
                 .windows = {3, 3, 3},
                 .thetas = {1e4, 1e4, 1e4},
                 .stretches = {1, 1, 1}});
}
TEST(HubFamilies, Qwen3NormsQueriesAndKeysOfEachHead) {
  expect_logits({.json = R"({"model_type": "qwen3", "tie_word_embeddings": true, "use_sliding_window": true,
                             "sliding_window": 4, "max_window_layers": 2, )" +
                         sizes + "}",
                 .qk_norm = true,
                 .tied = true,
                 .windows = {0, 0, 4},
                 .thetas = {1e4, 1e4, 1e4},
                 .stretches = {1, 1, 1}});
}
TEST(HubFamilies, Gemma3StretchesTheLayersWithoutWindow) {
  expect_logits({.json = R"({"model_type": "gemma3_text", "sliding_window": 2, "query_pre_attn_scalar": 5,
                             "sliding_window_pattern": 2, "rope_local_base_freq": 300, "rope_scaling": {"rope_type": "linear", "factor": 8}, )" +
                         sizes + "}",
                 .gemma = true,
                 .qk_norm = true,
                 .tied = true,
                 .windows = {2, 0, 2},
                 .thetas = {300, 1e6, 300},
                 .stretches = {1, 8, 1},
                 .width = 5});
}

}  // namespace
