// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Line searches for the strong Wolfe conditions.
#include <cmath>
#include <functional>
#include <memory>

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

/// A point on the line: loss and slope there, and the gradient, which a search only hands back.
struct Trial {
  double length, loss, slope;
  std::shared_ptr<const void> gradient;
};
struct Found {
  Trial best;
  double evaluations;
};
using Evaluate = std::function<Trial(double length)>;

/// From `start` (length 0), trying `length` first; `direction_size` is the largest element of the direction. With cubic
/// interpolation, after Nocedal & Wright, chapter 3, step by step as torch.optim.LBFGS does it.
Found strong_wolfe(const Evaluate& evaluate, double length, const Trial& start, double direction_size);

/// From `start` (length 0), trying `length` first and then twice as far, until two lengths enclose a good one. Nocedal
/// & Wright's algorithms 3.5 and 3.6, with Hager & Zhang's condition (2006, ACM TOMS 32) in place of the first one
/// where the loss hardly changes. As optax's zoom line search.
Found zoom(const Evaluate& evaluate, double length, const Trial& start);

}  // namespace xgrad::optim::tensor_rules
