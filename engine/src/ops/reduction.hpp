// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// From axes of a shape to the kernels that reduce rows and columns.
#include "kernels/kernels.hpp"
#include "xgrad/ops/reduce.hpp"

namespace xgrad::detail {

/// What reducing the selected axes leaves.
struct Reduction {
  AxisFlags reduced;
  Shape kept, shape;      // with size-1 axes; as asked for
  std::size_t count = 1;  // reduced elements per result

  Reduction(const Shape& x, const Axes& axes, bool keepdims, const char* operation);
};

/// x, a row-major array of `shape`, with the axes that are flagged reduced. `shift`, for square_sum, is of the shape
/// that is left (may be undefined). Over nothing: 0, 0, 1, -inf, inf.
template <class T>
Storage<T> reduce(Reducer reducer, const Tensor<T>& x, const AxisFlags& reduced, const Tensor<T>& shift = {});

/// x summed over the axes along which `shape` broadcasts to x's shape.
template <class T> Storage<T> sum_to_storage(const Tensor<T>& x, const Shape& shape);

}  // namespace xgrad::detail
