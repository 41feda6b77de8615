#pragma once

#include "cell.hpp"

class Text;

namespace study {

/// Runs the cell and returns what it measured; E4 is SentencePairs::translates.
Json measure(const Cell& cell, const Text& text);

}  // namespace study
