#include "golden/compute_as.hpp"

template golden::Outputs golden::compute<float>(const Case&);
