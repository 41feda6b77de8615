// Files with the names and the layout of GPT-2's state_dict, whose Conv1D keeps its weights [in x out].
// group: files
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "residual/io/load_parameters.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "support/folder.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using Matrix = Tokens<double>;

constexpr Index dim = 12, heads = 3, hidden = 20, depth = 2, vocabulary = 17, longest = 9;

const NameMap gpt2_names{.rules = {{"layers.*.self_attn.in_proj_*", {"h.*.attn.c_attn.*"}, Stored::as_ours},
                                   {"layers.*.self_attn.out_proj.*", {"h.*.attn.c_proj.*"}, Stored::as_ours},
                                   {"layers.*.linear1.*", {"h.*.mlp.c_fc.*"}, Stored::as_ours},
                                   {"layers.*.linear2.*", {"h.*.mlp.c_proj.*"}, Stored::as_ours},
                                   {"layers.*.norm1.*", {"h.*.ln_1.*"}},
                                   {"layers.*.norm2.*", {"h.*.ln_2.*"}},
                                   {"norm.*", {"ln_f.*"}},
                                   {"embed_tokens.*", {"wte.*"}},
                                   {"embed_positions.*", {"wpe.*"}}},
                         .prefix = "transformer.",
                         .ignored = {"transformer.h.*.attn.bias"}};

auto model() {
  Embedding<double> embedding(vocabulary, dim, longest, Positions::learned);
  embedding.scale = 1;
  return language_model(
      PreLN<double>(dim),
      {.dim = dim, .heads = heads, .hidden = hidden, .depth = depth, .activation = Activation::gelu_tanh}, embedding);
}

/// GPT-2's tensors by name, without the prefix.
std::map<std::string, Matrix> gpt2_tensors() {
  std::map<std::string, Matrix> tensors;
  std::uint64_t seed = 0;
  const auto add = [&](const std::string& name, Index rows, Index cols) {
    tensors[name] = test_support::random_tokens<double>(rows, cols, ++seed);
  };
  const auto add_norm = [&](const std::string& name) {
    add(name + ".weight", 1, dim);
    add(name + ".bias", 1, dim);
  };
  const auto add_conv1d = [&](const std::string& name, Index in, Index out) {
    add(name + ".weight", in, out);
    add(name + ".bias", 1, out);
  };
  add("wte.weight", vocabulary, dim);
  add("wpe.weight", longest, dim);
  for (Index layer = 0; layer < depth; ++layer) {
    const std::string h = "h." + std::to_string(layer) + '.';
    add_norm(h + "ln_1");
    add_conv1d(h + "attn.c_attn", dim, 3 * dim);
    add_conv1d(h + "attn.c_proj", dim, dim);
    add_norm(h + "ln_2");
    add_conv1d(h + "mlp.c_fc", dim, hidden);
    add_conv1d(h + "mlp.c_proj", hidden, dim);
  }
  add_norm("ln_f");
  return tensors;
}

/// The logits of a sequence as GPT-2 defines them, with its own tensors.
Matrix gpt2(const std::map<std::string, Matrix>& tensors, const std::vector<int>& words) {
  const auto n = Index(words.size());
  const auto conv1d = [&](const Matrix& x, const std::string& name) -> Matrix {
    return (x * tensors.at(name + ".weight")).rowwise() + tensors.at(name + ".bias").row(0);
  };
  const auto norm = [&](const Matrix& x, const std::string& name) {
    Matrix y = x;
    for (Index i = 0; i < n; ++i) {
      const Eigen::ArrayXd c = x.row(i).array().transpose() - x.row(i).mean();
      y.row(i) = (c / std::sqrt(c.square().mean() + 1e-5)).transpose() * tensors.at(name + ".weight").array() +
                 tensors.at(name + ".bias").array();
    }
    return y;
  };
  const auto attention = [&](const Matrix& qkv) {
    const Index d = dim / heads;
    Matrix o(n, dim);
    for (Index head = 0; head < heads; ++head) {
      for (Index i = 0; i < n; ++i) {
        const Matrix logits =
            qkv.block(i, head * d, 1, d) * qkv.block(0, dim + head * d, i + 1, d).transpose() / std::sqrt(double(d));
        const Matrix p = logits.array().exp() / logits.array().exp().sum();
        o.block(i, head * d, 1, d) = p * qkv.block(0, 2 * dim + head * d, i + 1, d);
      }
    }
    return o;
  };
  const auto gelu = [](double v) {
    return v / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v)));
  };

  Matrix x = tensors.at("wpe.weight").topRows(n);
  for (Index i = 0; i < n; ++i) x.row(i) += tensors.at("wte.weight").row(words[std::size_t(i)]);
  for (Index layer = 0; layer < depth; ++layer) {
    const std::string h = "h." + std::to_string(layer) + '.';
    x += conv1d(attention(conv1d(norm(x, h + "ln_1"), h + "attn.c_attn")), h + "attn.c_proj");
    x += conv1d(conv1d(norm(x, h + "ln_2"), h + "mlp.c_fc").unaryExpr(gelu), h + "mlp.c_proj");
  }
  return norm(x, "ln_f") * tensors.at("wte.weight").transpose();
}

class Gpt2Weights : public testing::Test {
 protected:
  /// Writes the tensors, each [rows x cols], or [cols] where it has one row, and one that holds no weights.
  void write() {
    std::vector<TensorEntry> entries;
    for (const auto& [name, m] : tensors) {
      std::vector<std::int64_t> shape = {m.rows(), m.cols()};
      if (m.rows() == 1) shape = {m.cols()};
      entries.push_back(TensorEntry::of<double>(gpt2_names.prefix + name, shape, {m.data(), std::size_t(m.size())}));
    }
    const std::vector<std::uint8_t> mask(4);
    entries.push_back(TensorEntry::of<std::uint8_t>("transformer.h.0.attn.bias", {1, 1, 2, 2}, mask));
    write_safetensors(path, entries);
  }

  const std::map<std::string, Matrix> tensors = gpt2_tensors();
  const test_support::Folder folder;
  const std::filesystem::path path = folder.path / "gpt2.safetensors";
};

TEST_F(Gpt2Weights, ComputeWhatGpt2Computes) {
  write();
  Parameters theta(model());
  load_parameters(path, theta, gpt2_names);
  EXPECT_EQ(theta["layers.1.self_attn.out_proj.weight"], tensors.at("h.1.attn.c_proj.weight")) << "the square one";
  EXPECT_EQ(theta["layers.0.self_attn.in_proj_weight"], tensors.at("h.0.attn.c_attn.weight"));

  const std::vector<int> words = {3, 0, 16, 3, 9, 1};
  Tape tape(theta.model(), Keep::nothing);
  const Tokens<double> logits = forward(theta.model(), theta, tape, Batch::of({6}), words);
  EXPECT_TRUE(test_support::near(logits, gpt2(tensors, words), 1e-11));
}

TEST_F(Gpt2Weights, AreWrittenAsTheyWere) {
  write();
  Parameters theta(model()), again(theta);
  load_parameters(path, theta, gpt2_names);
  save_parameters(path, theta, gpt2_names);
  const SafeTensors file(path);
  EXPECT_EQ(file.tensors().size(), tensors.size());
  for (const auto& [name, m] : tensors) {
    const TensorInfo& info = file.at(gpt2_names.prefix + name);
    Matrix there(m.rows(), m.cols());
    file.read(info, std::span(there.data(), std::size_t(there.size())));
    EXPECT_EQ(there, m) << name;
    EXPECT_EQ(info.shape.back(), m.cols()) << name;
  }
  load_parameters(path, again, gpt2_names);
  EXPECT_TRUE(test_support::same_bits(again.flat(), theta.flat()));
}

/// The queries, keys and values of a file that has them apart, in the same layout.
TEST_F(Gpt2Weights, MayBeDividedIntoParts) {
  write();
  Parameters theta(model());
  load_parameters(path, theta, gpt2_names);
  NameMap apart = gpt2_names;
  apart.rules[0].theirs = {"h.*.attn.q.*", "h.*.attn.k.*", "h.*.attn.v.*"};
  save_parameters(path, theta, apart);
  const SafeTensors file(path);
  const Matrix& c_attn = tensors.at("h.1.attn.c_attn.weight");
  Index begin = 0;
  for (const char* part : {"q", "k", "v"}) {
    Matrix there(dim, dim);
    file.read(file.at(std::string("transformer.h.1.attn.") + part + ".weight"), std::span(there.data(), dim * dim));
    EXPECT_EQ(there, c_attn.middleCols(begin, dim)) << part;
    begin += dim;
  }
  Parameters again(model());
  load_parameters(path, again, apart);
  EXPECT_TRUE(test_support::same_bits(again.flat(), theta.flat()));
  Parameters<decltype(model())> narrow(model());
  EXPECT_THROW(load_parameters(path, narrow, gpt2_names), SafeTensorsError);
}

/// What a file in this layout looks like to one who takes it for PyTorch's.
TEST_F(Gpt2Weights, AreRefusedWithoutTheirLayout) {
  write();
  NameMap as_linear = gpt2_names;
  for (auto& rule : as_linear.rules) rule.stored = Stored::as_pytorch;
  Parameters theta(model());
  try {
    load_parameters(path, theta, as_linear);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SafeTensorsError& error) {
    const std::string sentence = error.what();
    for (const char* name : {"h.0.attn.c_attn", "h.1.attn.c_attn", "h.0.mlp.c_fc", "h.1.mlp.c_proj"}) {
      EXPECT_NE(sentence.find(name), std::string::npos) << sentence;
    }
  }
  EXPECT_TRUE((theta.flat().array() == 0).all()) << "something was written";
}

}  // namespace
