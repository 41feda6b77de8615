// Schemes and stacks of long double, for all tests.
#include "support/scheme_list.hpp"
#include "support/stacks.hpp"

template const std::vector<test_support::SchemeCase<long double>>& test_support::every_scheme();

namespace residual {

template class Parameters<test_support::AnyEncoder<long double>>;
template class Parameters<test_support::AnyDecoder<long double>>;
template class Tape<test_support::AnyEncoder<long double>>;
template class Tape<test_support::AnyDecoder<long double>>;

}  // namespace residual
