#include "golden/compute_as.hpp"

template golden::Outputs golden::compute<double>(const Case&);
