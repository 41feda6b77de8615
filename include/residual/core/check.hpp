#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <type_traits>

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
  /// Refers to what is referred to.
  template <class T>
  Phrase(const std::reference_wrapper<T>& part) : Phrase(part.get()) {}
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

/// Throws std::invalid_argument with the sentence: the one place where a check fails. Without exceptions (-fno-exceptions)
/// it prints the sentence and aborts.
[[noreturn]] inline void refuse(std::initializer_list<Phrase> phrases) {
  std::ostringstream sentence;
  for (const Phrase& phrase : phrases) sentence << phrase;
#ifdef __cpp_exceptions
  throw std::invalid_argument(sentence.str());
#else
  std::fprintf(stderr, "%s\n", sentence.str().c_str());
  std::abort();
#endif
}

/// Throws the sentence that the parts make; one function for all sentences whose parts are of these types.
template <class... Parts>
[[noreturn]] void refuse_parts(Parts... parts) {
  refuse({parts...});
}
/// A text by its address.
inline const char* by_value(const char* text) { return text; }
/// A number by its value, anything else by a reference.
template <class T>
auto by_value(const T& part) {
  if constexpr (std::is_arithmetic_v<T>) {
    return part;
  } else {
    return std::cref(part);
  }
}

}  // namespace detail

/// A number of things in a sentence, made by `counted`.
struct Counted {
  Index count;      ///< how many
  const char* one;  ///< what one of them is called
  const char* all;  ///< what several are called; nullptr: the same with an s

  friend std::ostream& operator<<(std::ostream& s, const Counted& c) {
    s << c.count << ' ';
    if (c.count == 1 || c.all == nullptr) return s << c.one << (c.count == 1 ? "" : "s");
    return s << c.all;
  }
};
/// "1 sequence", "3 sequences", "1 entry", "3 entries": counted(n, "sequence"), counted(n, "entry", "entries").
template <class N>
Counted counted(N count, const char* one, const char* all = nullptr) {
  return {Index(count), one, all};
}

/// Throws std::invalid_argument with the sentence that the parts make when `ok` does not hold.
template <class... Parts>
void expect(bool ok, const Parts&... parts) {
  if (!ok) detail::refuse_parts(detail::by_value(parts)...);
}

/// Whether x is neither infinite nor NaN, for scalars of every kind.
template <class S>
bool is_finite(const S& x) {
  return x - x == S(0);
}

/// Throws unless x is one of the values of its enumeration, which are numbered from 0 to `last`; `example` is the name of one.
template <class Enumeration>
void expect_known(const char* what, Enumeration x, Enumeration last, const char* example) {
  expect(int(x) >= 0 && int(x) <= int(last), what, " is number ", int(x),
         ", which no value of its enumeration has; give one by its name, such as ", example, ".");
}

/// Throws unless m is [rows x cols], which are `meaning`.
template <class M>
void expect_shape(const char* name, const M& m, Index rows, Index cols,
                  const char* meaning = "one row a token of the batch, one column a feature") {
  expect(m.rows() == rows && m.cols() == cols, name, " is [", m.rows(), " x ", m.cols(), "], but [", rows, " x ", cols,
         "] is needed: ", meaning, ".");
}

}  // namespace residual
