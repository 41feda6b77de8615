// An encoder-decoder computes what its two stacks do, one behind the other, each with its own sequences and masks.
// group: models
#include "residual/model/encoder_decoder.hpp"

#include <gtest/gtest.h>

#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/pre_ln.hpp"

#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;

TEST(EncoderDecoder, IsItsStacksOneBehindTheOther) {
  const Sizes sizes{.dim = 8, .heads = 2, .hidden = 12, .depth = 1};
  const auto reads = encoder(PreLN<double>(8), sizes);
  const auto writes = decoder(PreLN<double>(8), sizes);
  const auto model = encoder_decoder(reads, writes);
  Parameters theta(model);
  randomise(theta, 1);
  Parameters of_reads(reads);
  Parameters of_writes(writes);
  for (const ManifestEntry& tensor : of_reads.manifest()) of_reads[tensor.name] = theta["encoder." + tensor.name];
  for (const ManifestEntry& tensor : of_writes.manifest()) of_writes[tensor.name] = theta["decoder." + tensor.name];

  const Batch batch = Batch::of({3, 2}), src_batch = Batch::of({4, 5});
  const auto x = random_tokens<double>(5, 8, 2), src = random_tokens<double>(9, 8, 3);
  const auto attn_mask = random_tokens<double>(3, 3, 4), memory_mask = random_tokens<double>(3, 5, 5),
             src_mask = random_tokens<double>(5, 5, 6);
  Tape tape(model);
  Tape reading(reads);
  Tape writing(writes);
  const Tokens<double> y = tape.forward(model, theta,
                                        {.batch = batch,
                                         .x = x,
                                         .src_batch = src_batch,
                                         .src = src,
                                         .attn_mask = attn_mask,
                                         .memory_mask = memory_mask,
                                         .src_mask = src_mask});
  const Tokens<double> memory = reading.forward(reads, of_reads, {.batch = src_batch, .x = src, .attn_mask = src_mask});
  const Tokens<double> expected = writing.forward(writes, of_writes,
                                                  {.batch = batch,
                                                   .x = x,
                                                   .memory_batch = src_batch,
                                                   .memory = memory,
                                                   .attn_mask = attn_mask,
                                                   .memory_mask = memory_mask});
  EXPECT_TRUE(same_bits(y, expected));
}

}  // namespace
