#pragma once

#include <string_view>

#include "residual/core/find_tensor.hpp"

namespace residual {

/// A tensor of Parameters or a part of its columns: a window, `In<S>` or `Out<S>`, that refuses a matrix of another shape. It
/// lasts as long as the parameters keep their memory.
template <class Window>
class NamedWindow : public Window {
 public:
  using Scalar = typename Window::Scalar;

  /// A window on numbers of the tensor that the entry describes, all or those of a part of it.
  NamedWindow(const Window& window, const ManifestEntry& entry, const TensorPart* part = nullptr)
      : Window(window), entry_(&entry), part_(part) {}
  /// Another window on the same numbers.
  NamedWindow(const NamedWindow&) = default;
  /// Copies the other's numbers; throws when it has another shape.
  NamedWindow& operator=(const NamedWindow& other) { return *this = static_cast<const Window&>(other); }
  /// Copies the matrix; throws when it has another shape.
  template <class M>
  NamedWindow& operator=(const Eigen::EigenBase<M>& m) {
    expect_fits(m);
    Window::operator=(m.derived());
    return *this;
  }
  /// Adds the matrix; throws when it has another shape.
  template <class M>
  NamedWindow& operator+=(const Eigen::EigenBase<M>& m) {
    expect_fits(m);
    Window::operator+=(m.derived());
    return *this;
  }
  /// Subtracts the matrix; throws when it has another shape.
  template <class M>
  NamedWindow& operator-=(const Eigen::EigenBase<M>& m) {
    expect_fits(m);
    Window::operator-=(m.derived());
    return *this;
  }

 protected:
  const ManifestEntry& entry() const { return *entry_; }

 private:
  template <class M>
  void expect_fits(const Eigen::EigenBase<M>& m) const {
    const bool turned = m.rows() == this->cols() && m.cols() == this->rows();
    expect(m.rows() == this->rows() && m.cols() == this->cols(), "The tensor ", entry_->name,
           part_ == nullptr ? "" : ", part ", part_ == nullptr ? "" : part_->name, " is [", this->rows(), " x ",
           this->cols(), "], but a matrix [", m.rows(), " x ", m.cols(), "] was given for it",
           turned ? "; give the transpose of that: a weight is stored [in x out]." : "; give one of its shape.");
  }

  const ManifestEntry* entry_;
  const TensorPart* part_;
};

/// A tensor of Parameters, [in x out] if it is a weight, that knows the parts of its columns.
template <class Window>
class NamedTensor : public NamedWindow<Window> {
 public:
  using Scalar = typename Window::Scalar;
  using NamedWindow<Window>::NamedWindow;
  using NamedWindow<Window>::operator=;

  /// The columns of that part, such as "k"; throws, with the names of its parts, when there is none.
  NamedWindow<Window> part(std::string_view name) {
    const TensorPart& part = find_part(this->entry(), name);
    return {this->cols_from(part.begin, part.size), this->entry(), &part};
  }
  /// The columns of that part, to read; throws, with the names of its parts, when there is none.
  In<Scalar> part(std::string_view name) const {
    const TensorPart& part = find_part(this->entry(), name);
    return In<Scalar>(*this).cols_from(part.begin, part.size);
  }
};

}  // namespace residual
