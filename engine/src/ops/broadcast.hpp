// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/shape.hpp"

namespace xgrad::detail {

/// The flat index in an array of shape `operand`, which broadcasts to `result`, of the result's element i.
inline std::size_t broadcast_place(const Shape& operand, const Shape& result, std::size_t i) {
  std::size_t index = 0, stride = 1;
  const std::size_t missing = result.rank() - operand.rank();
  for (std::size_t axis = result.rank(); axis-- > 0;) {
    const auto size = static_cast<std::size_t>(result[axis]);
    if (axis >= missing && operand[axis - missing] != 1) {
      index += i % size * stride;
      stride *= size;
    }
    i /= size;
  }
  return index;
}

/// All axes but the last two: what a batch of matrices is laid out in.
inline Shape leading_axes(const Shape& shape) { return Shape(shape.sizes().first(shape.rank() - 2)); }

}  // namespace xgrad::detail
