#pragma once

#include <algorithm>
#include <vector>

#include "../support/pictures.hpp"
#include "../support/text.hpp"

/// Pictures the way a language model of tokens reads them: 14 x 14 pixels, each the mean of 2 x 2, in 8 levels of grey, row
/// by row.
struct Pixels {
  static constexpr Index side = 14, levels = 8;

  /// `count` sequences of a picture each, that begin with any of its rows from which so many pixels follow; the darkest
  /// level is the token `first`. Throws when a picture has fewer pixels.
  static Windows windows(const PictureMaker& make, Index count, Index length, Index first, residual::Random& random) {
    residual::expect(length < side * side, "A picture has ", side * side, " pixels, too few for a sequence of ", length,
                     " and the one that follows; give a smaller --length.");
    Windows w{residual::Batch::of(std::vector<Index>(std::size_t(count), length)), {}, {}};
    const Index starts = (side * side - length - 1) / side + 1;
    Picture picture;
    for (Index i = 0; i < count; ++i) {
      make(random, picture);
      const std::vector<int> tokens = tokens_of(picture, first);
      const auto begin = tokens.begin() + side * Index(random.uniform() * double(starts));
      w.tokens.insert(w.tokens.end(), begin, begin + length);
      w.targets.insert(w.targets.end(), begin + 1, begin + length + 1);
    }
    return w;
  }

 private:
  static std::vector<int> tokens_of(const Picture& picture, Index first) {
    std::vector<int> tokens;
    for (std::size_t y = 0; y < 28; y += 2) {
      for (std::size_t x = 0; x < 28; x += 2) {
        const float sum =
            picture[28 * y + x] + picture[28 * y + x + 1] + picture[28 * y + x + 28] + picture[28 * y + x + 29];
        tokens.push_back(int(first + std::min(Index(float(levels) * sum / 4), levels - 1)));
      }
    }
    return tokens;
  }
};
