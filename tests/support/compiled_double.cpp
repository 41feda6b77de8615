// Schemes and stacks of double, for all tests.
#include "golden/schemes_as.hpp"
#include "support/scheme_list.hpp"
#include "support/stacks.hpp"

template const std::vector<test_support::SchemeCase<double>>& test_support::every_scheme();
template residual::AnyScheme<double> golden::scheme_of(const Config&);

namespace residual {

template class Parameters<test_support::AnyEncoder<double>>;
template class Parameters<test_support::AnyDecoder<double>>;
template class Tape<test_support::AnyEncoder<double>>;
template class Tape<test_support::AnyDecoder<double>>;

}  // namespace residual
