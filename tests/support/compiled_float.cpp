// Schemes and stacks of float, for all tests.
#include "golden/schemes_as.hpp"
#include "support/scheme_list.hpp"
#include "support/stacks.hpp"

template const std::vector<test_support::SchemeCase<float>>& test_support::every_scheme();
template residual::AnyScheme<float> golden::scheme_of(const Config&);

namespace residual {

template class Parameters<test_support::AnyEncoder<float>>;
template class Parameters<test_support::AnyDecoder<float>>;
template class Tape<test_support::AnyEncoder<float>>;
template class Tape<test_support::AnyDecoder<float>>;

}  // namespace residual
