#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "runs.hpp"

/// One size doubles from point to point, the others stay.
struct Sweep {
  std::string name;
  Index Point::*size;
  Point first;
  Index last;

  std::vector<Point> points(Index most) const {
    std::vector<Point> points;
    for (Point p = first; p.*size <= last && Index(points.size()) < most; p.*size *= 2) points.push_back(p);
    return points;
  }
};

/// What one point took, in microseconds a token.
struct Times {
  Point point;
  double inference, training;
};

inline Times measure(const Point& point, const residual::Executor& executor, double seconds) {
  Runs<float> runs(point, executor);
  const double scale = 1e6 / double(point.tokens());
  runs.infer(), runs.train();  // the tapes grow
  const double inference = median_of_rounds(seconds, [&] { return seconds_of([&] { runs.infer(); }); });
  const double training = median_of_rounds(seconds, [&] { return seconds_of([&] { runs.train(); }); });
  return {point, scale * inference, scale * training};
}

/// The exponent e of value ~ size^e over the upper half of the points, by least squares of the logarithms.
template <class Value>
double exponent(const Sweep& sweep, const std::vector<Times>& times, Value&& value) {
  const std::size_t begin = std::min(times.size() / 2, times.size() - 2);
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = begin; i < times.size(); ++i) {
    const double u = std::log(double(times[i].point.*sweep.size)), v = std::log(value(times[i]));
    n += 1, x += u, y += v, xx += u * u, xy += u * v;
  }
  return (n * xy - x * y) / (n * xx - x * x);
}
inline double inference_exponent(const Sweep& sweep, const std::vector<Times>& times) {
  return exponent(sweep, times, [](const Times& t) { return t.inference; });
}
inline double training_exponent(const Sweep& sweep, const std::vector<Times>& times) {
  return exponent(sweep, times, [](const Times& t) { return t.training; });
}
/// That of the multiplications in matrix products, which a time without other costs would have.
inline double products_exponent(const Sweep& sweep, const std::vector<Times>& times) {
  return exponent(sweep, times, [](const Times& t) { return t.point.products(); });
}
