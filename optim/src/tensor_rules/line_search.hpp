// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A line search for the strong Wolfe conditions with cubic interpolation, after Nocedal & Wright, chapter 3, step by
// step as torch.optim.LBFGS does it.
#include <algorithm>
#include <cmath>

#include "xgrad/tensor.hpp"

namespace xgrad::optim::tensor_rules {

template <class T> double inner_product(const Tensor<T>& a, const Tensor<T>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += static_cast<double>(a.data()[i]) * b.data()[i];
  return total;
}
/// The largest absolute value; NaN wins.
template <class T> double largest(const Tensor<T>& x) {
  double result = 0;
  for (const T value : x.values())
    if (!(std::abs(value) <= result)) result = std::abs(value);
  return result;
}

/// A point on the line: loss, gradient and slope there.
template <class T> struct Trial {
  double length, loss;
  Tensor<T> gradient;
  double slope;
};
template <class T> struct Found {
  Trial<T> best;
  double evaluations;
};

/// Where the cubic through two trials has its minimum, within [low, high]; in the middle if it has none, or if one of
/// the losses is infinite.
template <class T> double cubic_minimum(const Trial<T>& a, const Trial<T>& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length),
               square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0 && std::isfinite(square))) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double minimum = a.length <= b.length
                             ? b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
                             : a.length - (a.length - b.length) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return std::min(std::max(minimum, low), high);
}
template <class T> double cubic_minimum(const Trial<T>& a, const Trial<T>& b) {
  return cubic_minimum(a, b, std::min(a.length, b.length), std::max(a.length, b.length));
}

/// From `start` (length 0), trying `length` first; `direction_size` is the largest element of the direction.
template <class T, class Evaluate>
Found<T> strong_wolfe(const Evaluate& evaluate, double length, const Trial<T>& start, double direction_size) {
  constexpr double kDecrease = 1e-4, kCurvature = 0.9, kChange = 1e-9;
  constexpr int kMost = 25;
  const auto too_high = [&](const Trial<T>& x) { return x.loss > start.loss + kDecrease * x.length * start.slope; };
  const auto flat = [&](const Trial<T>& x) { return std::abs(x.slope) <= -kCurvature * start.slope; };

  // Go further until a bracket holds a good point.
  Trial<T> previous = start, current = evaluate(length), bracket[2] = {start, current};
  double evaluations = 1;
  int iteration = 0;
  for (; iteration < kMost; ++iteration) {
    if (too_high(current) || (iteration > 1 && current.loss >= previous.loss)) {
      bracket[0] = previous, bracket[1] = current;
      break;
    }
    if (flat(current)) return {current, evaluations};
    if (current.slope >= 0) {
      bracket[0] = previous, bracket[1] = current;
      break;
    }
    const double next = cubic_minimum(previous, current, current.length + 0.01 * (current.length - previous.length),
                                      10 * current.length);
    previous = current;
    current = evaluate(next);
    ++evaluations;
  }
  if (iteration == kMost) bracket[0] = start, bracket[1] = current;

  // Narrow the bracket down.
  int low = bracket[0].loss <= bracket[1].loss ? 0 : 1, high = 1 - low;
  bool insufficient = false;
  for (; iteration < kMost; ++iteration) {
    const double left = std::min(bracket[0].length, bracket[1].length),
                 right = std::max(bracket[0].length, bracket[1].length), margin = 0.1 * (right - left);
    if ((right - left) * direction_size < kChange) break;
    double t = cubic_minimum(bracket[0], bracket[1]);
    if (std::min(right - t, t - left) < margin) {
      if (insufficient || t >= right || t <= left) {
        t = std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
        insufficient = false;
      } else {
        insufficient = true;
      }
    } else {
      insufficient = false;
    }
    current = evaluate(t);
    ++evaluations;
    if (too_high(current) || current.loss >= bracket[low].loss) {
      bracket[high] = current;
      low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      high = 1 - low;
      continue;
    }
    const bool done = flat(current);
    if (!done && current.slope * (bracket[high].length - bracket[low].length) >= 0) bracket[high] = bracket[low];
    bracket[low] = current;
    if (done) break;
  }
  return {bracket[low], evaluations};
}

}  // namespace xgrad::optim::tensor_rules
