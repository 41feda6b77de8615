// expected: Two sub-layers of a stack have one name
#include "residual/residual.hpp"

residual::Stack<residual::PreLN<float>, residual::FeedForward<float>, residual::FeedForward<float>> stack{
    residual::PreLN<float>(8), {{8, 16}, {8, 16}}, 1};
