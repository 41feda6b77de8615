#include "measure.hpp"

#include "E1.hpp"
#include "E1_fixed.hpp"
#include "E2.hpp"
#include "E3.hpp"
#include "E5.hpp"
#include "E6.hpp"

namespace study {

Json measure(const Cell& cell, const Text& text) {
  if (cell.task == "fixed") return fixed_branches(cell);
  if (cell.question == "E1") {
    if (cell.task == "masked") return gradients_at_start<Masked>(cell, text);
    if (cell.task == "translation") return gradients_at_start<Translation>(cell, text);
    return gradients_at_start<Causal>(cell, text);
  }
  if (cell.question == "E2") return collapse(cell, text);
  if (cell.question == "E3") return trains(cell, text);
  if (cell.question == "E5") return cost(cell, text);
  residual::expect(cell.question == "E6", "The study has no question ", cell.question, "; it has E1 to E6.");
  return gradient_entries(cell, text);
}

}  // namespace study
