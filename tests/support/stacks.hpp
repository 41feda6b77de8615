#pragma once

#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/wiring/any_scheme.hpp"

namespace test_support {

template <class S>
using AnyEncoder = residual::Encoder<residual::AnyScheme<S>>;
template <class S>
using AnyDecoder = residual::Decoder<residual::AnyScheme<S>>;

}  // namespace test_support

namespace residual {

// Stacks of any scheme, compiled once for all tests.
extern template class Parameters<test_support::AnyEncoder<float>>;
extern template class Parameters<test_support::AnyDecoder<float>>;
extern template class Tape<test_support::AnyEncoder<float>>;
extern template class Tape<test_support::AnyDecoder<float>>;
extern template class Parameters<test_support::AnyEncoder<double>>;
extern template class Parameters<test_support::AnyDecoder<double>>;
extern template class Tape<test_support::AnyEncoder<double>>;
extern template class Tape<test_support::AnyDecoder<double>>;
extern template class Parameters<test_support::AnyEncoder<long double>>;
extern template class Parameters<test_support::AnyDecoder<long double>>;
extern template class Tape<test_support::AnyEncoder<long double>>;
extern template class Tape<test_support::AnyDecoder<long double>>;

}  // namespace residual
