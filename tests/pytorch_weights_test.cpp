// Files that PyTorch wrote, or that have the names of its state_dicts: no PyTorch is needed to read them.
// group: files
#include <gtest/gtest.h>

#include "residual/io/load_parameters.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/expect_holds.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;

const std::string data = RESIDUAL_SOURCE_DIR "/tests/data/";

/// A state_dict that examples/import_pytorch/import_pytorch.py wrote.
template <class M>
Parameters<M> from_pytorch(const M& model, const std::string& scheme) {
  const SafeTensors file(data + "import_pytorch/" + scheme + ".safetensors");
  Parameters theta(model);
  load_parameters(file, theta);
  test_support::expect_holds(theta, file);
  EXPECT_EQ(theta.manifest().size(), file.tensors().size());
  return theta;
}
TEST(PyTorchWeights, EncodersComputeWhatPyTorchComputed) {
  const Sizes small{.dim = 8, .heads = 2, .hidden = 16, .depth = 2};
  from_pytorch(encoder(PostLN<float>(8), small), "post_ln");
  from_pytorch(encoder(PreLN<float>(8), small), "pre_ln");

  const auto model = encoder(ResiDual<float>(8), small);
  const auto theta = from_pytorch(model, "resi_dual");
  const SafeTensors problem(data + "import_pytorch/resi_dual.problem.safetensors");
  Tokens<float> x(15, 8), y(15, 8);
  problem.read(problem.at("x"), std::span(x.data(), 120));
  problem.read(problem.at("y"), std::span(y.data(), 120));
  Tape tape(model, Keep::nothing);
  EXPECT_TRUE(test_support::near(forward(model, theta, tape, Batch::of({5, 5, 5}), x), y, 1e-5));
}

/// nn.TransformerDecoder without a final norm, and nn.Transformer, in double; the case's other tensors are beside them.
TEST(PyTorchWeights, DecodersAndBothTogether) {
  const NameMap names{.prefix = "params.", .ignored = {"*"}};
  const auto check = [&](const auto& model, const std::string& name) {
    const SafeTensors file(data + "golden/" + name);
    Parameters theta(model);
    load_parameters(file, theta, names);
    test_support::expect_holds(theta, file, "params.");
    std::size_t held = 0;
    for (const auto& info : file.tensors()) held += info.name.starts_with("params.");
    EXPECT_EQ(theta.manifest().size(), held) << "every parameter of the file is one of the model";
  };
  const Sizes small{.dim = 4, .heads = 2, .hidden = 5, .depth = 2};
  check(decoder(PostLN<double>(6), {.dim = 6, .heads = 2, .hidden = 6, .depth = 1}), "p11_dec_post.safetensors");
  check(encoder_decoder(encoder(PreLN<double>(4), small), decoder(PreLN<double>(4), small)),
        "o02_encdec_pre.safetensors");
}

}  // namespace
