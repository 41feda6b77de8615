// expected: This sub-layer mixes tokens, but has no cache with which to decode step by step
#include "residual/residual.hpp"

struct Layer : residual::FeedForward<float> {
  static constexpr bool mixes_tokens = true;
  bool operator==(const Layer&) const = default;
};
using Stack = residual::Stack<residual::PreLN<float>, Layer>;
void decode(const Stack& stack, const residual::Parameters<Stack>& theta) {
  residual::Decoding decoding(stack, theta, {.sequences = 1, .longest = 8});
}
