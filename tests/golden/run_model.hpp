#pragma once

#include <utility>

#include "golden/packing.hpp"
#include "golden/parameters.hpp"
#include "residual/adapt/scale_bias.hpp"
#include "residual/model/tape.hpp"

namespace golden {

using residual::In;
using residual::Tokens;

/// Keeps the streams behind every block, by the number of the block's sub-layers (which tells a decoder from its
/// encoder) and the block.
template <class S>
class Recorder final : public residual::Observer<S> {
 public:
  void streams(residual::Site site, const residual::Streams<S>& x) override {
    if (!site.ends_block()) return;
    auto& kept = seen_[{site.slots, site.block}];
    for (Index k = 0; k < x.count(); ++k) kept.emplace_back(x[k]);
  }
  const auto& seen() const { return seen_; }

 private:
  std::map<std::pair<Index, Index>, std::vector<Tokens<S>>> seen_;
};

/// The streams of a block by the names that cases have for them. `streams` is all of them in one: [batch, n, streams, d].
template <class S>
std::map<std::string, Tensor> named_streams(const Config& config, const std::vector<Tokens<S>>& streams,
                                            const Packing& rows) {
  static const std::map<std::string, std::vector<std::string>> names = {{"residual", {"x", "r"}},
                                                                        {"siamese", {"x", "y"}},
                                                                        {"hc", {"streams"}},
                                                                        {"mhc", {"streams"}},
                                                                        {"attnres", {"h", "v"}}};
  const auto found = names.find(config.arch);
  const auto own = found == names.end() ? std::vector<std::string>{"x"} : found->second;
  std::map<std::string, Tensor> named;
  if (own.front() == "streams") {
    const auto n = Index(streams.size());
    Tokens<S> all(streams.front().rows(), n * config.d);
    for (Index k = 0; k < n; ++k) all.middleCols(k * config.d, config.d) = streams[std::size_t(k)];
    Tensor& tensor = named["streams"] = rows.unpack<S>(all);
    tensor.shape = {tensor.shape[0], tensor.shape[1], n, config.d};
    return named;
  }
  for (std::size_t k = 0; k < own.size(); ++k) named[own[k]] = rows.unpack<S>(streams.at(k));
  return named;
}

/// The cotangent, 0 in the rows that do not count.
inline Tensor cotangent_of(const Case& c) {
  Tensor cotangent = c.tensors.at("cotangent");
  for (std::size_t i = 0; i < cotangent.data.size(); ++i) {
    if (!c.row_is_valid(i / std::size_t(c.config.d))) cotangent.data[i] = 0;
  }
  return cotangent;
}

template <class S>
double dot(const Tokens<S>& y, const Tokens<S>& cotangent) {
  return double(y.template cast<long double>().cwiseProduct(cotangent.template cast<long double>()).sum());
}

template <class S>
Tokens<S> attn_mask_of(const Case& c) {
  if (!c.attn_mask) return {};
  return Eigen::Map<const Tokens<double>>(c.tensors.at("masks.attn_mask").data.data(), c.config.n, c.config.n)
      .template cast<S>();
}

/// The rows of the memory or of the encoder's input; none in an encoder.
template <class S>
Tokens<S> source_of(const Case& c, const Packing& rows) {
  if (c.source().empty()) return Tokens<S>(0, c.config.d);
  return rows.pack<S>(c.tensors.at("inputs." + c.source()));
}

template <class S>
void add_streams(const Recorder<S>& recorder, const Case& c, const Packing& x_rows, const Packing& source_rows,
                 const std::vector<std::uint8_t>& valid, Outputs& outputs) {
  std::vector<std::uint8_t> seen;
  for (const auto hidden : c.source_hidden) seen.push_back(hidden == 0);
  const bool both = c.config.kind == "encdec";
  for (const auto& [place, streams] : recorder.seen()) {
    const auto& [slots, block] = place;
    const bool of_source = both && slots == 2;
    for (auto& [stream, tensor] : named_streams(c.config, streams, of_source ? source_rows : x_rows)) {
      const std::string name = "layers." + std::to_string(block) + "." + stream;
      const Output output{tensor, of_source ? seen : valid};
      if (both) outputs[(of_source ? "streams.encoder." : "streams.decoder.") + name] = output;
      if (!of_source) outputs["streams." + name] = output;
    }
  }
}

/// Runs the case through a model of its kind with these parameters; returns their gradient.
template <class M>
residual::Parameters<M> run_passes(const M& model, const residual::Parameters<M>& theta, const Case& c,
                                   Outputs& outputs) {
  using S = typename M::Scalar;
  residual::Parameters<M> gradient(model);
  const auto& rows_valid = c.tensors.at("rows_valid").data;
  const std::vector<std::uint8_t> valid(rows_valid.begin(), rows_valid.end());
  const Packing x_rows(c.config.batch, c.config.n, c.x_hidden, valid);
  const Packing source_rows(c.config.batch, c.source().empty() ? 0 : c.config.m, c.source_hidden, {});
  const Tokens<S> x = x_rows.pack<S>(c.tensors.at("inputs.x")), source = source_of<S>(c, source_rows);
  const Tokens<S> mask = attn_mask_of<S>(c), dy = x_rows.pack<S>(cotangent_of(c));
  Tokens<S> dx = Tokens<S>::Zero(x.rows(), x.cols()), dsource = Tokens<S>::Zero(source.rows(), source.cols());

  residual::Tape<M> tape(model);
  Recorder<S> recorder;
  tape.observe(&recorder);
  const typename M::Input input{x_rows.batch(), x, source_rows.batch(), source, mask};
  const Tokens<S> y = forward(model, theta, tape, input);
  backward(model, theta, tape, In<S>(dy), gradient, {dx, dsource});

  outputs["y"] = {x_rows.unpack<S>(y), valid};
  outputs["loss"] = {{{1}, {dot(y, dy)}}};
  outputs["dinputs.x"] = {x_rows.unpack<S>(dx)};
  if (!c.source().empty()) outputs["dinputs." + c.source()] = {source_rows.unpack<S>(dsource)};
  add_streams(recorder, c, x_rows, source_rows, valid, outputs);
  return gradient;
}

/// Runs the case through a model of its kind.
template <class M>
Outputs run_model(const M& model, const Case& c) {
  std::set<std::string> names;
  expect_parameters(c, residual::Parameters<M>::manifest(model), names);
  expect_no_others(c, names);
  Outputs outputs;
  add_gradients(run_passes(model, parameters_of(model, c), c, outputs), c, outputs);
  return outputs;
}

/// Runs the case through a model with scale and bias at every linear map, of which `adapted` is the same with biases.
template <class M>
Outputs run_adapted(const M& base, const M& adapted, const Case& c) {
  using Adapter = residual::ScaleBias<typename M::Scalar>;
  std::set<std::string> names;
  expect_parameters(c, residual::Parameters<M>::manifest(base), names);
  const residual::Parameters<M> theta = parameters_of(base, c);
  residual::Parameters<M> effective(adapted);
  const Adapter adapter{residual::AdaptedMaps(theta, effective)};
  expect_parameters(c, residual::Parameters<Adapter>::manifest(adapter), names);
  expect_no_others(c, names);
  const residual::Parameters<Adapter> phi = parameters_of(adapter, c);
  adapter.apply(theta, phi, effective);

  Outputs outputs;
  const residual::Parameters<M> deffective = run_passes(adapted, effective, c, outputs);
  residual::Parameters<Adapter> dphi(adapter);
  residual::Parameters<M> dtheta(base);
  adapter.pull(theta, phi, deffective, dphi);
  adapter.pull_base(phi, deffective, dtheta);
  add_gradients(dphi, c, outputs);
  add_gradients(dtheta, c, outputs);
  return outputs;
}

}  // namespace golden
