// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

#include "ops/movement.hpp"

namespace xgrad::detail {

/// A shape seen from one of its axes: outer x size x inner elements. A scalar has one axis of one element.
struct AxisLayout {
  std::size_t outer = 1, size = 1, inner = 1;

  AxisLayout(const Shape& shape, std::size_t axis) {
    if (shape.rank() == 0) return;
    size = static_cast<std::size_t>(shape[axis]);
    for (std::size_t i = 0; i < axis; ++i) outer *= static_cast<std::size_t>(shape[i]);
    for (std::size_t i = axis + 1; i < shape.rank(); ++i) inner *= static_cast<std::size_t>(shape[i]);
  }
  /// How many columns of `size` elements there are; column c begins at start(c), its elements are `inner` apart.
  std::size_t columns() const { return outer * inner; }
  std::size_t start(std::size_t column) const { return column / inner * size * inner + column % inner; }
};

/// Calls body(row, offset) for every row of `shape` (its last axis), in order; offset is the sum of index * stride over
/// the other axes. A scalar is one row.
template <class Body> void for_each_row(const Shape& shape, const Box::Numbers& strides, const Body& body) {
  if (shape.size() == 0) return;
  const std::size_t outer = shape.rank() == 0 ? 0 : shape.rank() - 1;
  Box::Numbers index{};
  std::int64_t offset = 0;
  for (std::size_t row = 0;; ++row) {
    body(row, offset);
    std::size_t axis = outer;
    for (;;) {
      if (axis-- == 0) return;
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace xgrad::detail
