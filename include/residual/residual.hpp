#pragma once

/// \file
/// Transformer residual blocks with analytic gradients: everything but file formats, in one include.

#include "residual/core/parameters.hpp"
#include "residual/decode/beam_search.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/decode/generate.hpp"
#include "residual/decode/sampling.hpp"
#include "residual/decode/token_decoding.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/named.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/plan.hpp"
#include "residual/model/tape.hpp"
#include "residual/numeric/gradient_check.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/clip.hpp"
#include "residual/train/gain.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/train/schedule.hpp"
#include "residual/train/sgd.hpp"
#include "residual/version.hpp"
#include "residual/wiring/any_scheme.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"

/// Transformer residual blocks with analytic gradients.
namespace residual {}
