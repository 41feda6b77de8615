#pragma once

/// \file
/// The library for those who link residual::precompiled: models of these types are compiled there, once, and not in each
/// file that uses them. All other types work as with residual.hpp. Both must be compiled for the same instruction set
/// (-march), which decides how memory is aligned.

#include "residual/residual.hpp"

namespace residual {

/// The library has it for the instruction set that it was compiled for; users for another one do not link.
template <Index alignment, Index lanes>
int precompiled_for();
/// Asks for it, in every file that uses the library.
inline const int precompiled = precompiled_for<EIGEN_MAX_ALIGN_BYTES, Pack<float>::lanes>();

extern template class Parameters<Encoder<PostLN<float>>>;
extern template class Tape<Encoder<PostLN<float>>>;
extern template class Parameters<Decoder<PostLN<float>>>;
extern template class Tape<Decoder<PostLN<float>>>;
extern template class Parameters<LanguageModel<Encoder<PostLN<float>>>>;
extern template class Tape<LanguageModel<Encoder<PostLN<float>>>>;
extern template class Parameters<EncoderDecoder<Encoder<PostLN<float>>, Decoder<PostLN<float>>>>;
extern template class Tape<EncoderDecoder<Encoder<PostLN<float>>, Decoder<PostLN<float>>>>;

extern template class Parameters<Encoder<PreLN<float>>>;
extern template class Tape<Encoder<PreLN<float>>>;
extern template class Parameters<Decoder<PreLN<float>>>;
extern template class Tape<Decoder<PreLN<float>>>;
extern template class Parameters<LanguageModel<Encoder<PreLN<float>>>>;
extern template class Tape<LanguageModel<Encoder<PreLN<float>>>>;
extern template class Parameters<EncoderDecoder<Encoder<PreLN<float>>, Decoder<PreLN<float>>>>;
extern template class Tape<EncoderDecoder<Encoder<PreLN<float>>, Decoder<PreLN<float>>>>;

extern template class Parameters<Encoder<ResiDual<float>>>;
extern template class Tape<Encoder<ResiDual<float>>>;
extern template class Parameters<Decoder<ResiDual<float>>>;
extern template class Tape<Decoder<ResiDual<float>>>;
extern template class Parameters<LanguageModel<Encoder<ResiDual<float>>>>;
extern template class Tape<LanguageModel<Encoder<ResiDual<float>>>>;
extern template class Parameters<EncoderDecoder<Encoder<ResiDual<float>>, Decoder<ResiDual<float>>>>;
extern template class Tape<EncoderDecoder<Encoder<ResiDual<float>>, Decoder<ResiDual<float>>>>;

extern template class Parameters<Encoder<PostLN<double>>>;
extern template class Tape<Encoder<PostLN<double>>>;
extern template class Parameters<Decoder<PostLN<double>>>;
extern template class Tape<Decoder<PostLN<double>>>;
extern template class Parameters<LanguageModel<Encoder<PostLN<double>>>>;
extern template class Tape<LanguageModel<Encoder<PostLN<double>>>>;
extern template class Parameters<EncoderDecoder<Encoder<PostLN<double>>, Decoder<PostLN<double>>>>;
extern template class Tape<EncoderDecoder<Encoder<PostLN<double>>, Decoder<PostLN<double>>>>;

extern template class Parameters<Encoder<PreLN<double>>>;
extern template class Tape<Encoder<PreLN<double>>>;
extern template class Parameters<Decoder<PreLN<double>>>;
extern template class Tape<Decoder<PreLN<double>>>;
extern template class Parameters<LanguageModel<Encoder<PreLN<double>>>>;
extern template class Tape<LanguageModel<Encoder<PreLN<double>>>>;
extern template class Parameters<EncoderDecoder<Encoder<PreLN<double>>, Decoder<PreLN<double>>>>;
extern template class Tape<EncoderDecoder<Encoder<PreLN<double>>, Decoder<PreLN<double>>>>;

extern template class Parameters<Encoder<ResiDual<double>>>;
extern template class Tape<Encoder<ResiDual<double>>>;
extern template class Parameters<Decoder<ResiDual<double>>>;
extern template class Tape<Decoder<ResiDual<double>>>;
extern template class Parameters<LanguageModel<Encoder<ResiDual<double>>>>;
extern template class Tape<LanguageModel<Encoder<ResiDual<double>>>>;
extern template class Parameters<EncoderDecoder<Encoder<ResiDual<double>>, Decoder<ResiDual<double>>>>;
extern template class Tape<EncoderDecoder<Encoder<ResiDual<double>>, Decoder<ResiDual<double>>>>;

}  // namespace residual
