// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The parameters and gradients that the reference trajectories and golden values were made with.
#include <cmath>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::test {

inline Tensor<double> filled(const Shape& shape, auto value) {
  Tensor<double> result = Tensor<double>::empty(shape);
  for (std::size_t k = 0; k < result.size(); ++k) result.mutable_data()[k] = value(static_cast<double>(k));
  return result;
}

/// Element k of parameter p's gradient at step t.
inline double gradient(double t, double p, double k) {
  return std::sin(1 + 0.5 * t + k + p) + 0.3 * std::cos(1.3 * t + 0.7 * k * k);
}
inline Tensor<double> gradient(double t, double p, const Shape& shape) {
  return filled(shape, [&](double k) { return gradient(t, p, k); });
}

}  // namespace xgrad::test
