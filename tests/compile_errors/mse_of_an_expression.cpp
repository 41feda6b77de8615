// expected: mse: y, target and dy must be row-major and of one scalar; store others in a Tokens<float> first
#include "residual/residual.hpp"

using namespace residual;
float run(const Tokens<float>& y, const Tokens<float>& x, Tokens<float>& dy) { return mse(y, x + x, dy); }
