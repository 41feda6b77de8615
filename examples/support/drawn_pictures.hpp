#pragma once

#include <algorithm>
#include <cmath>

#include "pictures.hpp"

/// Whether a figure, about 1 in radius, covers the point.
inline bool covers(int figure, double x, double y) {
  const double radius = std::hypot(x, y), square = std::max(std::abs(x), std::abs(y));
  switch (figure) {
    case 0:
      return radius < 1;
    case 1:
      return radius > 0.6 && radius < 1;
    case 2:
      return square < 0.85;
    case 3:
      return square > 0.55 && square < 0.9;
    case 4:
      return square < 1 && std::min(std::abs(x), std::abs(y)) < 0.25;
    default:
      return std::abs(y) < 0.9 && std::abs(x) < (y + 0.9) / 1.8;
  }
}

/// One of six figures of any place, size and brightness, in noise.
inline int draw_figure(residual::Random& random, Picture& picture) {
  const int figure = int(6 * random.uniform());
  const double radius = 5 + 4 * random.uniform(), brightness = 0.5 + 0.5 * random.uniform();
  const double middle_x = 9 + 10 * random.uniform(), middle_y = 9 + 10 * random.uniform();
  for (int i = 0; i < 28 * 28; ++i) {
    const bool covered = covers(figure, (i % 28 - middle_x) / radius, (i / 28 - middle_y) / radius);
    picture[std::size_t(i)] = float((covered ? brightness : 0) + 0.2 * random.uniform());
  }
  return figure;
}

/// Figures that are drawn when they are asked for, so that none is seen twice.
inline PictureSource drawn_pictures() {
  return {"drawn figures", {"disc", "ring", "square", "frame", "cross", "triangle"}, draw_figure, draw_figure};
}
