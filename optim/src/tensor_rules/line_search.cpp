// SPDX-License-Identifier: BSD-3-Clause
#include "tensor_rules/line_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace xgrad::optim::tensor_rules {
namespace {

/// Where the cubic through two trials has its minimum, within [low, high]; in the middle if it has none, or if one of
/// the losses is infinite.
double cubic_minimum(const Trial& a, const Trial& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length),
               square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0 && std::isfinite(square))) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double minimum = a.length <= b.length
                             ? b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
                             : a.length - (a.length - b.length) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return std::min(std::max(minimum, low), high);
}
double cubic_minimum(const Trial& a, const Trial& b) {
  return cubic_minimum(a, b, std::min(a.length, b.length), std::max(a.length, b.length));
}

/// Where the parabola through (a, its slope) and b has its minimum; not a number if it has none.
double parabola_minimum(const Trial& a, const Trial& b) {
  const double x = b.length - a.length;
  return a.length - a.slope * x * x / (2 * (b.loss - a.loss - a.slope * x));
}
/// Where the cubic through (a, its slope), b and c has its minimum; not a number if it has none, or if c is a.
double cubic_minimum(const Trial& a, const Trial& b, const Trial& c) {
  const double x = b.length - a.length, y = c.length - a.length, over = x * x * y * y * (x - y),
               x_rise = b.loss - a.loss - a.slope * x, y_rise = c.loss - a.loss - a.slope * y,
               third = (y * y * x_rise - x * x * y_rise) / over,
               second = (x * x * x * y_rise - y * y * y * x_rise) / over;
  return a.length + (std::sqrt(second * second - 3 * third * a.slope) - second) / (3 * third);
}

}  // namespace

Found strong_wolfe(const Evaluate& evaluate, double length, const Trial& start, double direction_size) {
  constexpr double kDecrease = 1e-4, kCurvature = 0.9, kChange = 1e-9;
  constexpr int kMost = 25;
  const auto too_high = [&](const Trial& x) { return x.loss > start.loss + kDecrease * x.length * start.slope; };
  const auto flat = [&](const Trial& x) { return std::abs(x.slope) <= -kCurvature * start.slope; };

  // Go further until a bracket holds a good point.
  Trial previous = start, current = evaluate(length), bracket[2] = {start, current};
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

Found zoom(const Evaluate& evaluate, double length, const Trial& start) {
  constexpr double kDecrease = 1e-4, kCurvature = 0.9, kFlat = 1e-6, kNarrow = 1e-5;
  constexpr int kMost = 20;
  // By how much a point misses a condition, at least 0; infinite where that is not a number.
  const auto missed = [](double excess) {
    return std::isnan(excess) ? std::numeric_limits<double>::infinity() : std::max(excess, 0.0);
  };
  const auto too_high = [&](const Trial& x) {
    const double gain = x.loss - start.loss, sufficient = gain - kDecrease * x.length * start.slope,
                 approximate = x.slope - (2 * kDecrease - 1) * start.slope;
    if (std::isnan(approximate)) return missed(approximate);
    return missed(std::min(sufficient, std::max(gain - kFlat * std::abs(start.loss), approximate)));
  };
  const auto too_steep = [&](const Trial& x) { return missed(std::abs(x.slope) - kCurvature * std::abs(start.slope)); };

  Trial previous = start, current = start, safe = start, low = start, high = start;
  double excess = 0;
  int tried = 0;
  for (bool enclosed = false; tried < kMost && !enclosed; ++tried) {
    current = evaluate(tried == 0 ? length : 2 * previous.length);
    excess = too_high(current);
    if (excess == 0) safe = current;
    if (excess == 0 && too_steep(current) == 0) return {current, tried + 1.0};
    const bool beyond = excess > 0 || (current.loss >= previous.loss && tried > 0);
    enclosed = beyond || current.slope >= 0;
    low = beyond ? previous : current;
    high = beyond ? current : previous;
    previous = current;
  }
  for (Trial third = low; tried < kMost; ++tried) {
    const double left = std::min(low.length, high.length), right = std::max(low.length, high.length),
                 width = right - left, cubic = cubic_minimum(low, high, third), parabola = parabola_minimum(low, high);
    const auto is_inside = [&](double x, double margin) {
      return x > left + margin * width && x < right - margin * width;
    };
    current = evaluate(is_inside(cubic, 0.2) ? cubic : is_inside(parabola, 0.1) ? parabola : (left + right) / 2);
    excess = too_high(current);
    if (excess == 0 && current.loss < safe.loss) safe = current;
    if (excess == 0 && too_steep(current) == 0) return {current, tried + 1.0};
    if (excess > 0 || current.loss >= low.loss) {
      third = std::exchange(high, current);
    } else {
      const bool turned = current.slope * (high.length - low.length) >= 0;
      third = turned ? high : low;
      if (turned) high = low;
      low = current;
    }
    if (width <= kNarrow && safe.length > 0) {
      ++tried;
      break;
    }
  }
  // No point is good: the best one that goes down enough, if there is one; none at all if the loss is not a number.
  return {safe.length > 0 || std::isinf(excess) ? safe : current, static_cast<double>(tried)};
}

}  // namespace xgrad::optim::tensor_rules
