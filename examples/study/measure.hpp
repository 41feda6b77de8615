#pragma once

#include "cell.hpp"

class Text;

namespace study {

/// Runs the cell and returns what it measured.
Json measure(const Cell& cell, const Text& text);

}  // namespace study
