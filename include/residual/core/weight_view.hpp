#pragma once

#include "residual/core/view.hpp"

namespace residual {

/// A weight of a tree of parameters, stored [in x out]; in a Plan also in the panels that products read.
template <class S>
struct WeightView : TokensView<S> {
  const S* panels = nullptr;  ///< or nullptr: the matrix alone
};

}  // namespace residual
