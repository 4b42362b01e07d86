// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the losses share.
#include <algorithm>

#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/ops/reduce.hpp"

namespace xgrad::detail {

template <class T> void require_equal_shapes(const char* name, const Tensor<T>& x, const Tensor<T>& target) {
  XGRAD_CHECK(x.shape() == target.shape(), name, ": predictions have shape ", x.shape(), ", targets ", target.shape(),
              "; expected equal shapes (reshape one of them)");
}

/// What the sum of losses of this shape is multiplied by.
inline double reduction_scale(Reduction reduction, const Shape& losses, double divisor_of_mean) {
  switch (reduction) {
    case Reduction::mean: return 1 / divisor_of_mean;
    case Reduction::batchmean: return 1 / static_cast<double>(losses.rank() > 0 ? losses[0] : 1);
    case Reduction::sum:
    case Reduction::none: break;
  }
  return 1;
}

template <class T> Tensor<T> reduced(const Tensor<T>& losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses;
  if (reduction == Reduction::sum) return sum(losses);
  return sum(losses) * reduction_scale(reduction, losses.shape(), static_cast<double>(losses.size()));
}

/// losses * weight, unless the weight is undefined.
template <class T> Tensor<T> weighted(const char* name, const Tensor<T>& losses, const Tensor<T>& weight) {
  if (!weight.defined()) return losses;
  const Tensor<T> result = losses * weight;
  XGRAD_CHECK(result.shape() == losses.shape(), name, ": weight of shape ", weight.shape(),
              "; it must broadcast to the shape of the losses, ", losses.shape());
  return result;
}

/// Throws Error unless every element is 1 or -1.
template <class T> void require_signs(const char* name, const Tensor<T>& target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    const T y = target.data()[i];
    XGRAD_CHECK(y == 1 || y == -1, name, ": target ", y, " at position ", i, "; expected 1 or -1");
  }
}

}  // namespace xgrad::detail
