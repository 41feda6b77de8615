#include "golden/schemes_as.hpp"

template residual::AnyScheme<double> golden::scheme_of(const Config&);
