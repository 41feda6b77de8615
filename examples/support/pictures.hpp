#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "residual/core/view.hpp"
#include "residual/train/random.hpp"

/// 28 x 28 grey values from 0 to 1, row by row.
using Picture = std::array<float, 28 * 28>;
/// Gives a picture and returns which word it shows.
using PictureMaker = std::function<int(residual::Random&, Picture&)>;

/// Pictures to train with and to test with, and the words for them.
struct PictureSource {
  std::string name;  ///< for the report
  std::vector<std::string> words;
  PictureMaker training, held_out;
};

/// Some pictures in patches of 7 x 7 pixels, the way a language model reads them: 16 rows each.
struct Patches {
  static constexpr residual::Index side = 7, across = 28 / side, each = across * across, pixels = side * side;
  residual::Tokens<float> rows;  ///< [pictures * each x pixels]
  std::vector<int> words;        ///< of each picture

  Patches(const PictureMaker& make, residual::Index count, residual::Random& random) : rows(count * each, pixels) {
    Picture picture;
    for (residual::Index i = 0; i < count; ++i) {
      words.push_back(make(random, picture));
      for (residual::Index y = 0; y < 28; ++y) {
        for (residual::Index x = 0; x < 28; ++x) {
          rows(i * each + y / side * across + x / side, y % side * side + x % side) = picture[std::size_t(28 * y + x)];
        }
      }
    }
  }
};
