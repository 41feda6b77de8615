// BERT, RoBERTa and XLM-RoBERTa with their heads of masked words against their equations, written down a second time with the
// names of their files, and what is written of them.
// group: hub
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "residual/hub/hugging_face.hpp"
#include "residual/model/tape.hpp"
#include "support/folder.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using Matrix = Tokens<double>;

/// What differs between the families.
struct MaskedFamily {
  std::string name, architecture, prefix;
  std::string dense, norm, bias;  ///< of the head, in files
  Index first = 0;                ///< row of the first position
  bool head_of_config = false;    ///< whether the head has the activation that config.json names, here ReLU; else GELU
  std::vector<std::string> beside = {};  ///< what files hold beside the weights
};
void PrintTo(const MaskedFamily& family, std::ostream* out) { *out << family.name; }

/// Weights by the names of the file, and what they compute.
class MaskedReference {
 public:
  explicit MaskedReference(const MaskedFamily& family) : f_(family) {
    const std::string embeddings = f_.prefix + "embeddings.";
    add(embeddings + "word_embeddings.weight", vocabulary, dim);
    add(embeddings + "position_embeddings.weight", positions, dim);
    add(embeddings + "token_type_embeddings.weight", 2, dim);
    add_norm(embeddings + "LayerNorm");
    for (Index l = 0; l < depth; ++l) {
      for (const char* map : {"query", "key", "value"}) add_map(layer(l) + "attention.self." + map, dim, dim);
      add_map(layer(l) + "attention.output.dense", dim, dim);
      add_norm(layer(l) + "attention.output.LayerNorm");
      add_map(layer(l) + "intermediate.dense", hidden, dim);
      add_map(layer(l) + "output.dense", dim, hidden);
      add_norm(layer(l) + "output.LayerNorm");
    }
    add_map(f_.dense, dim, dim);
    add_norm(f_.norm);
    add(f_.bias, 1, vocabulary);
  }

  void write(const std::filesystem::path& folder) const {
    std::map<std::string, Matrix> all = tensors_;
    for (const std::string& name : f_.beside) all[f_.prefix + name] = Matrix::Ones(1, 3);
    std::vector<TensorEntry> entries;
    for (const auto& [tensor, m] : all) {
      std::vector<std::int64_t> shape = {m.rows(), m.cols()};
      if (m.rows() == 1) shape = {m.cols()};
      entries.push_back(TensorEntry::of<double>(tensor, shape, {m.data(), std::size_t(m.size())}));
    }
    write_safetensors(folder / "model.safetensors", entries);
    std::ofstream(folder / "config.json")
        << R"({"hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 2, "num_attention_heads": 2,
               "vocab_size": 11, "max_position_embeddings": 16, "hidden_act": "relu", "layer_norm_eps": 1e-5, )"
        << "\"model_type\": \"" << f_.name << "\", \"architectures\": [\"" << f_.architecture << "\"]}";
  }
  const std::map<std::string, Matrix>& tensors() const { return tensors_; }

  Matrix logits(const std::vector<int>& tokens) const {
    const std::string embeddings = f_.prefix + "embeddings.";
    Matrix x(Index(tokens.size()), dim);
    for (Index i = 0; i < x.rows(); ++i) {
      x.row(i) = at(embeddings + "word_embeddings.weight").row(tokens[std::size_t(i)]) +
                 at(embeddings + "position_embeddings.weight").row(f_.first + i) +
                 at(embeddings + "token_type_embeddings.weight").row(0);
    }
    x = norm(x, embeddings + "LayerNorm");
    for (Index l = 0; l < depth; ++l) {
      x = norm(x + map(attention(x, layer(l) + "attention.self."), layer(l) + "attention.output.dense"),
               layer(l) + "attention.output.LayerNorm");
      const Matrix h = map(x, layer(l) + "intermediate.dense").cwiseMax(0.0);
      x = norm(x + map(h, layer(l) + "output.dense"), layer(l) + "output.LayerNorm");
    }
    const Matrix h = map(x, f_.dense).unaryExpr([&](double v) {
      return f_.head_of_config ? std::max(v, 0.0) : v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
    });
    const Matrix y = norm(h, f_.norm) * at(embeddings + "word_embeddings.weight").transpose();
    return y.rowwise() + at(f_.bias).row(0);
  }

 private:
  static constexpr Index dim = 6, heads = 2, head = 3, hidden = 10, depth = 2, vocabulary = 11, positions = 16;

  std::string layer(Index l) const { return f_.prefix + "encoder.layer." + std::to_string(l) + '.'; }
  void add(const std::string& tensor, Index rows, Index cols) {
    Matrix& m = tensors_[tensor] = Matrix(rows, cols);
    for (Index i = 0; i < m.size(); ++i) m.data()[i] = std::uniform_real_distribution<double>(-1, 1)(random_);
  }
  void add_map(const std::string& name, Index out, Index in) {
    add(name + ".weight", out, in);
    add(name + ".bias", 1, out);
  }
  void add_norm(const std::string& name) {
    add(name + ".weight", 1, dim);
    add(name + ".bias", 1, dim);
  }
  const Matrix& at(const std::string& tensor) const { return tensors_.at(tensor); }
  Matrix map(const Matrix& x, const std::string& name) const {
    return (x * at(name + ".weight").transpose()).rowwise() + at(name + ".bias").row(0);
  }
  Matrix norm(const Matrix& x, const std::string& name) const {
    Matrix y = x;
    for (Index i = 0; i < x.rows(); ++i) {
      y.row(i).array() -= x.row(i).mean();
      y.row(i) /= std::sqrt(y.row(i).squaredNorm() / double(dim) + 1e-5);
      y.row(i) = y.row(i).cwiseProduct(at(name + ".weight")) + at(name + ".bias");
    }
    return y;
  }
  Matrix attention(const Matrix& x, const std::string& self) const {
    const Matrix q = map(x, self + "query"), k = map(x, self + "key"), v = map(x, self + "value");
    Matrix o(x.rows(), dim);
    for (Index n = 0; n < heads; ++n) {
      Matrix weights = q.middleCols(n * head, head) * k.middleCols(n * head, head).transpose();
      weights = (weights / std::sqrt(double(head))).array().exp();
      for (Index i = 0; i < x.rows(); ++i) weights.row(i) /= weights.row(i).sum();
      o.middleCols(n * head, head) = weights * v.middleCols(n * head, head);
    }
    return o;
  }

  MaskedFamily f_;
  std::mt19937_64 random_{1};
  std::map<std::string, Matrix> tensors_;
};

class HubMaskedWords : public testing::TestWithParam<MaskedFamily> {
 protected:
  const test_support::Folder folder;
  const MaskedReference reference{GetParam()};
};

TEST_P(HubMaskedWords, HaveTheLogitsOfTheirEquations) {
  reference.write(folder.path);
  const auto loaded = load_masked_language_model<double>(folder.path);
  const std::vector<int> tokens = {3, 0, 10, 3, 9, 1, 4};
  Tape tape(loaded.model(), Keep::nothing);
  const Tokens<double> logits = forward(loaded.model(), loaded.theta, tape, Batch::of({7}), tokens);
  const Matrix expected = reference.logits(tokens);
  ASSERT_EQ(logits.rows(), 7);
  EXPECT_LT((logits - expected).cwiseAbs().maxCoeff(), 1e-11 * expected.cwiseAbs().maxCoeff());
}

TEST_P(HubMaskedWords, ComeBackFromTheFolderTheyAreSavedTo) {
  reference.write(folder.path);
  const auto loaded = load_masked_language_model<double>(folder.path);
  save_hub_model(folder.path / "copy", loaded);
  const ShardedSafeTensors written = hub_weights(folder.path / "copy");
  EXPECT_EQ(written.tensors().size(), reference.tensors().size());
  for (const auto& [name, m] : reference.tensors()) {
    const auto bytes = written.bytes(written.at(name));
    EXPECT_TRUE(std::ranges::equal(bytes, std::as_bytes(std::span(m.data(), std::size_t(m.size()))))) << name;
  }
  const auto again = load_masked_language_model<double>(folder.path / "copy");
  EXPECT_TRUE(again.model() == loaded.model());
  EXPECT_TRUE(test_support::same_bits(again.theta.flat(), loaded.theta.flat()));
}

TEST_P(HubMaskedWords, AreOfNoOtherLoader) {
  reference.write(folder.path);
  try {
    load_token_encoder<double>(folder.path);
    FAIL() << "nothing was thrown";
  } catch (const HubError& error) {
    const std::string sentence = error.what();
    EXPECT_NE(sentence.find("load_masked_language_model loads, not load_token_encoder."), std::string::npos)
        << sentence;
  }
}

const std::vector<MaskedFamily> masked_families = {
    {"bert",
     "BertForMaskedLM",
     "bert.",
     "cls.predictions.transform.dense",
     "cls.predictions.transform.LayerNorm",
     "cls.predictions.bias",
     0,
     true,
     {"embeddings.position_ids", "pooler.dense.bias"}},
    {"roberta", "RobertaForMaskedLM", "roberta.", "lm_head.dense", "lm_head.layer_norm", "lm_head.bias", 2},
    {"xlm-roberta", "XLMRobertaForMaskedLM", "roberta.", "lm_head.dense", "lm_head.layer_norm", "lm_head.bias", 2},
};
INSTANTIATE_TEST_SUITE_P(Families, HubMaskedWords, testing::ValuesIn(masked_families),
                         [](const auto& info) { return info.param.architecture; });

}  // namespace
