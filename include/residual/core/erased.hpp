#pragma once

#include <memory>

#include "residual/core/check.hpp"

namespace residual {

/// An object whose type only its maker knows, such as the parameters of a scheme that is chosen at run time.
class Erased {
  struct Holder {
    virtual ~Holder() = default;
  };
  template <class T>
  struct Of final : Holder {
    T object;
  };

 public:
  /// None yet.
  Erased() = default;
  /// A new T.
  template <class T>
  static Erased make() {
    Erased made;
    made.holder_ = std::make_unique<Of<T>>();
    made.type_ = &type_of<T>;
    return made;
  }
  /// Whether there is none.
  bool empty() const { return holder_ == nullptr; }
  /// The object. Throws when it is no T: an object of another type may have tensors of the same names and shapes, so that
  /// nothing else tells it apart; `who` is what it was made for, as in "residual scheme".
  template <class T>
  T& as(const char* who) {
    expect_type<T>(who);
    return static_cast<Of<T>&>(*holder_).object;
  }
  template <class T>
  const T& as(const char* who) const {
    expect_type<T>(who);
    return static_cast<const Of<T>&>(*holder_).object;
  }

  /// Something that each type has of its own: its address names the type without RTTI.
  template <class T>
  static inline char type_of = 0;

 private:
  template <class T>
  void expect_type(const char* who) const {
    expect(type_ == &type_of<T>, "Parameters or a tape were made for another ", who,
           ", whose tensors have the same names and shapes; make them for this model.");
  }

  std::unique_ptr<Holder> holder_;
  const char* type_ = nullptr;
};

}  // namespace residual
