#pragma once

/// The version of the library, by semantic versioning; the build reads it here.
#define RESIDUAL_VERSION_MAJOR 0
#define RESIDUAL_VERSION_MINOR 1
#define RESIDUAL_VERSION_PATCH 0
