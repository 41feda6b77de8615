#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "residual/hub/hugging_face.hpp"
#include "residual/model/tape.hpp"

namespace test_support {

using namespace residual;

inline const std::filesystem::path hugging_face_data =
    std::filesystem::path(RESIDUAL_SOURCE_DIR) / "tests/data/hugging_face";

template <class T>
std::vector<T> entries(const SafeTensors& file, const std::string& name) {
  const TensorInfo& info = file.at(name);
  std::vector<T> values(std::size_t(info.elements()));
  file.read(info, std::span(values));
  return values;
}

/// Keeps what enters the first block and what leaves each.
template <class S>
struct HiddenStates final : Observer<S> {
  std::map<std::string, Tokens<S>> seen;
  void embedding(In<S> x) override { seen["hidden.embedding"] = x; }
  void streams(Site site, const Streams<S>& x) override {
    if (site.ends_block()) seen["hidden.layer." + std::to_string(site.block)] = x[0];
  }
};

/// One sample of an expected.safetensors, its padding left out.
struct HuggingFaceSample {
  const SafeTensors& file;
  std::string name;
  Batch batch;
  std::vector<Index> rows = {};  ///< of the padded tensors, that are real
  std::vector<int> tokens = {}, types = {};
  std::vector<Index> positions = {};

  HuggingFaceSample(const SafeTensors& expected, const std::string& sample) : file(expected), name(sample + '.') {
    const auto mask = entries<std::uint8_t>(file, name + "attention_mask");
    const Index n = file.at(name + "attention_mask").shape[1];
    std::vector<Index> lengths(mask.size() / std::size_t(n), 0);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0) continue;
      rows.push_back(Index(i));
      ++lengths[i / std::size_t(n)];
    }
    batch = Batch::of(lengths);
    tokens = packed<int>("input_ids"), types = packed<int>("token_type_ids"), positions = packed<Index>("position_ids");
  }

  template <class T>
  std::vector<T> packed(const std::string& what) const {
    std::vector<T> kept;
    if (file.find(name + what) == nullptr) return kept;
    const auto all = entries<std::int64_t>(file, name + what);
    for (const Index row : rows) kept.push_back(T(all[std::size_t(row)]));
    return kept;
  }
  /// A tensor [batch, n, columns] without its padding, or [batch, columns].
  Tokens<double> matrix(const std::string& what) const {
    const auto values = entries<double>(file, name + what);
    const auto& shape = file.at(name + what).shape;
    const Eigen::Map<const Tokens<double>> all(values.data(), Index(values.size()) / shape.back(), shape.back());
    if (shape.size() == 2) return all;
    Tokens<double> kept(Index(rows.size()), all.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) kept.row(Index(i)) = all.row(rows[i]);
    return kept;
  }
};

/// Whether no entry differs by more than `tolerance` times the largest one expected, or times `least`.
template <class A>
testing::AssertionResult close(const A& got, const Tokens<double>& expected, double tolerance, double least = 0) {
  if (got.rows() != expected.rows() || got.cols() != expected.cols()) return testing::AssertionFailure() << "shape";
  const double scale = std::max(expected.cwiseAbs().maxCoeff(), least);
  const double worst = (got.template cast<double>() - expected).cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
  if (worst <= tolerance * scale) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "differs by " << worst / scale << " of the largest entry";
}

}  // namespace test_support
