#include "golden/schemes_as.hpp"

template residual::AnyScheme<float> golden::scheme_of(const Config&);
