// expected: f[k](x, y): x and y must be row-major and of the scheme's scalar
#include "residual/residual.hpp"

using namespace residual;
void run(Sublayers<float>& f, Site k, const Tokens<float>& x, Tokens<float>& u) { f[k](x.transpose(), u); }
