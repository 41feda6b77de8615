// Schemes and stacks of double, for all tests.
#include "support/scheme_list.hpp"
#include "support/stacks.hpp"

template const std::vector<test_support::SchemeCase<double>>& test_support::every_scheme();

namespace residual {

template class Parameters<test_support::AnyEncoder<double>>;
template class Parameters<test_support::AnyDecoder<double>>;
template class Tape<test_support::AnyEncoder<double>>;
template class Tape<test_support::AnyDecoder<double>>;

}  // namespace residual
