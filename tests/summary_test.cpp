// The summary of a model, word for word.
// group: models
#include "residual/model/summary.hpp"

#include <gtest/gtest.h>

#include "residual/model/chain.hpp"
#include "residual/model/encoder.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using namespace residual;

const auto model = chain(named<"input.">(Linear<float>{3, 4}),
                         encoder(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 5, .depth = 1, .bias = false}),
                         Pool<float>{4}, named<"head.">(Linear<float>{4, 2}));
constexpr const char* table =
    "tensor                                 shape  parameters   share\n"
    "input.weight                           3 x 4          12    8.5%\n"
    "input.bias                                 4           4    2.8%\n"
    "1.layers.0.self_attn.in_proj_weight   4 x 12          48   33.8%\n"
    "1.layers.0.self_attn.out_proj.weight   4 x 4          16   11.3%\n"
    "1.layers.0.linear1.weight              4 x 5          20   14.1%\n"
    "1.layers.0.linear2.weight              5 x 4          20   14.1%\n"
    "1.layers.0.norm1.weight                    4           4    2.8%\n"
    "1.layers.0.norm2.weight                    4           4    2.8%\n"
    "1.norm.weight                              4           4    2.8%\n"
    "head.weight                            4 x 2           8    5.6%\n"
    "head.bias                                  2           2    1.4%\n"
    "total                                                142  100.0%\n";

TEST(Summary, NamesEveryTensor) { EXPECT_EQ(summary(model), table); }

TEST(Summary, SaysWhatIsTrained) {
  ParameterGroups groups{Parameters(model)};
  groups.freeze("1.*").rate([](const Part& part) { return part.name == "k"; }, 1).freeze("head.bias");
  EXPECT_EQ(summary(model, groups),
            "tensor                                 shape  parameters   share  trained\n"
            "input.weight                           3 x 4          12    8.5%   100.0%\n"
            "input.bias                                 4           4    2.8%   100.0%\n"
            "1.layers.0.self_attn.in_proj_weight   4 x 12          48   33.8%    33.3%\n"
            "1.layers.0.self_attn.out_proj.weight   4 x 4          16   11.3%     0.0%\n"
            "1.layers.0.linear1.weight              4 x 5          20   14.1%     0.0%\n"
            "1.layers.0.linear2.weight              5 x 4          20   14.1%     0.0%\n"
            "1.layers.0.norm1.weight                    4           4    2.8%     0.0%\n"
            "1.layers.0.norm2.weight                    4           4    2.8%     0.0%\n"
            "1.norm.weight                              4           4    2.8%     0.0%\n"
            "head.weight                            4 x 2           8    5.6%   100.0%\n"
            "head.bias                                  2           2    1.4%     0.0%\n"
            "total                                                142  100.0%    28.2%\n");
}

TEST(Summary, SaysWhatATapeHolds) {
  Parameters theta(model), gradient(model);
  Tape training(model), inference(model, Keep::nothing);
  const Tokens<float> x = Tokens<float>::Random(6, 3), dy = Tokens<float>::Random(2, 2);
  const Batch batch = Batch::of({2, 4});
  forward(model, theta, training, batch, x);
  backward(model, theta, training, dy, gradient);
  forward(model, theta, inference, batch, x);
  EXPECT_EQ(summary(model, {batch, x}), table + ("a tape in training: " + std::to_string(training.bytes())) +
                                            " bytes\na tape in inference: " + std::to_string(inference.bytes()) +
                                            " bytes\n");
}

TEST(Summary, OfAModelWithoutParameters) {
  EXPECT_EQ(summary(chain(Pool<float>{4})),
            "tensor  shape  parameters  share\n"
            "total                   0   0.0%\n");
}

}  // namespace
