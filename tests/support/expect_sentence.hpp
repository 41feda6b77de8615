#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace test_support {

/// The sentence of the std::invalid_argument that f throws; empty if it throws none.
template <class F>
std::string sentence_of(F&& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

/// f throws a sentence that ends in a full stop and holds all of `words`.
template <class F>
void expect_sentence(F&& f, const std::vector<std::string>& words) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown; expected: " << testing::PrintToString(words);
  } catch (const std::invalid_argument& error) {
    const std::string sentence = error.what();
    for (const auto& word : words) {
      EXPECT_NE(sentence.find(word), std::string::npos) << "'" << word << "' is missing in: " << sentence;
    }
    EXPECT_TRUE(sentence.ends_with('.')) << sentence;
  }
}

}  // namespace test_support
