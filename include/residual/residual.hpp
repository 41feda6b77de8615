#pragma once

/// Transformer residual blocks with analytic gradients: everything but file formats, in one include.

#include "residual/core/parameters.hpp"
#include "residual/core/threads.hpp"
#include "residual/layers/gated_feed_forward.hpp"
#include "residual/layers/rms_norm.hpp"
#include "residual/model/decoder.hpp"
#include "residual/model/encoder.hpp"
#include "residual/model/encoder_decoder.hpp"
#include "residual/model/language_model.hpp"
#include "residual/model/tape.hpp"
#include "residual/version.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
