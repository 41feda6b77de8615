#pragma once

#include "residual/core/check.hpp"
#include "residual/core/selection.hpp"

namespace residual {

/// Calls visit(part, begin, size) with the stretches of the flat vector that the chosen parts take: one for a whole tensor,
/// else one a row. Throws when none is chosen.
template <class Visit>
void each_chosen(const char* who, const Manifest& manifest, const Selection& where, Visit&& visit) {
  bool chosen = false;
  for (const ManifestEntry& tensor : manifest) {
    each_part(tensor, [&](const Part& part) {
      if (!where(part)) return;
      chosen = true;
      const Index cols = tensor.layout == Layout::vector ? tensor.size() : tensor.cols;
      if (part.cols == cols) return visit(part, tensor.offset, tensor.size());
      for (Index row = 0; row < tensor.size() / cols; ++row) {
        visit(part, tensor.offset + row * cols + part.begin, part.cols);
      }
    });
  }
  expect(chosen, who, ": ", where.text(), " chooses none of the ", manifest.size(),
         " tensors; manifest() lists their names.");
}

}  // namespace residual
