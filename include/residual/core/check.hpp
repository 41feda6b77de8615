#pragma once

#include <initializer_list>
#include <sstream>
#include <stdexcept>

#include "residual/core/view.hpp"

namespace residual {

namespace detail {

/// A part of a sentence, anything that a stream can print: a reference, without its type, so that sentences of all kinds are
/// put together in one function.
class Phrase {
 public:
  /// Refers to the part.
  template <class T>
  Phrase(const T& part)
      : part_(&part), print_([](std::ostream& s, const void* p) { s << *static_cast<const T*>(p); }) {}
  /// Refers to the text.
  Phrase(const char* text)
      : part_(text), print_([](std::ostream& s, const void* p) { s << static_cast<const char*>(p); }) {}

  friend std::ostream& operator<<(std::ostream& s, const Phrase& phrase) {
    phrase.print_(s, phrase.part_);
    return s;
  }

 private:
  const void* part_;
  void (*print_)(std::ostream&, const void*);
};

/// Throws std::invalid_argument with the sentence: the one place where a check fails.
[[noreturn]] inline void refuse(std::initializer_list<Phrase> phrases) {
  std::ostringstream sentence;
  for (const Phrase& phrase : phrases) sentence << phrase;
  throw std::invalid_argument(sentence.str());
}

}  // namespace detail

/// Throws std::invalid_argument with the sentence that the parts make when `ok` does not hold.
template <class... Parts>
void expect(bool ok, const Parts&... parts) {
  if (!ok) detail::refuse({parts...});
}

/// Throws unless m is [rows x cols].
template <class M>
void expect_shape(const char* name, const M& m, Index rows, Index cols) {
  expect(m.rows() == rows && m.cols() == cols, name, " is [", m.rows(), " x ", m.cols(), "], but [", rows, " x ", cols,
         "] is needed: one row a token of the batch, one column a feature.");
}

}  // namespace residual
