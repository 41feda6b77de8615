#pragma once

#include "../support/text.hpp"
#include "cell.hpp"
#include "residual/train/random.hpp"

namespace study {

/// A batch of a task: what goes in, and the target of each token, -100 where there is none.
struct Example {
  residual::Batch batch;
  std::vector<int> tokens, targets;
  residual::Batch src_batch;  ///< of the task `translation`
  std::vector<int> src_tokens;
};

/// Makes the batch of a task from windows of text.
///
///     causal       the next character
///     masked       every eighth character and some others are hidden, and are the targets
///     translation  the source is a piece of text, the target the piece behind it
///
/// These are real losses on real text; `translation` has the shape of one, and no second language.
inline Example example_of(const Cell& cell, Index alphabet, const Windows& w, residual::Random& random) {
  Example e{w.batch, w.tokens, w.targets, {}, {}};
  if (cell.task == "masked") {
    e.targets.assign(w.tokens.size(), -100);
    for (std::size_t i = 0; i < w.tokens.size(); ++i) {
      if (i % 8 != 0 && random.uniform() > 0.04) continue;  // some in every batch
      e.targets[i] = w.tokens[i];
      e.tokens[i] = int(alphabet);
    }
  } else if (cell.task == "translation") {
    e.tokens.clear(), e.targets.clear();
    for (Index s = 0; s < cell.batch; ++s) {
      const auto token = w.tokens.begin() + s * 2 * cell.length, target = w.targets.begin() + s * 2 * cell.length;
      e.src_tokens.insert(e.src_tokens.end(), token, token + cell.length);
      e.tokens.insert(e.tokens.end(), token + cell.length, token + 2 * cell.length);
      e.targets.insert(e.targets.end(), target + cell.length, target + 2 * cell.length);
    }
    e.batch = e.src_batch = residual::Batch::of(std::vector<Index>(std::size_t(cell.batch), cell.length));
  }
  return e;
}
/// Characters that a sequence of the task takes from the text.
inline Index window_length(const Cell& cell) { return cell.task == "translation" ? 2 * cell.length : cell.length; }

}  // namespace study
