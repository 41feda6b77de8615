#pragma once

#include <string_view>

#include "residual/core/find_tensor.hpp"

namespace residual {

/// A tensor of Parameters, [in x out] if it is a weight: a window, `In<S>` or `Out<S>`, that knows the parts of its
/// columns. It lasts as long as the parameters keep their memory.
template <class Window>
class NamedTensor : public Window {
 public:
  using Scalar = typename Window::Scalar;
  using Window::operator=;

  /// A window on the numbers that the entry describes.
  NamedTensor(const Window& window, const ManifestEntry& entry) : Window(window), entry_(&entry) {}
  /// Another window on the same numbers.
  NamedTensor(const NamedTensor&) = default;
  /// Copies the numbers of a tensor of the same shape.
  NamedTensor& operator=(const NamedTensor& other) {
    Window::operator=(other);
    return *this;
  }

  /// The columns of that part, such as "k"; throws, with the names of its parts, when there is none.
  Window part(std::string_view name) {
    const TensorPart& part = find_part(*entry_, name);
    return this->cols_from(part.begin, part.size);
  }
  /// The columns of that part, to read; throws, with the names of its parts, when there is none.
  In<Scalar> part(std::string_view name) const {
    const TensorPart& part = find_part(*entry_, name);
    return In<Scalar>(*this).cols_from(part.begin, part.size);
  }

 private:
  const ManifestEntry* entry_;
};

}  // namespace residual
