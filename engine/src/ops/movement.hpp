// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The one mechanism behind operations that move elements: a linear map made of box copies, whose transpose, the
// gradient, is made of the same boxes the other way round.
#include <vector>

#include "kernels/strided.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// Distance in elements between neighbours along each axis of a dense row-major array.
Box::Numbers dense_strides(const Shape& shape);

/// How the boxes of a movement meet the elements of one side: every one exactly once, each at most once, or some more
/// often.
enum class Reach { once, at_most_once, many };

struct Movement {
  Storage<Box> boxes;
  Reach from, to;  ///< not both `many`

  Movement reversed() const;
};

/// y of `shape` = `fill`, then y[to] = x[from] for each box in order (summed where places occur more than once).
template <class T>
Tensor<T> rearrange(const char* name, const Tensor<T>& x, const Shape& shape, Movement movement, T fill = 0);
/// Adds to y what rearrange() would write. For gradients that exist.
template <class T> void add_rearranged(const Movement& movement, const T* x, T* y);

/// A window on a dense array: element (i0, i1, ...) lies at offset + i0 strides[0] + i1 strides[1] + ...
struct View {
  Shape shape;
  Box::Numbers strides{};
  std::int64_t offset = 0;

  explicit View(const Shape& dense) : shape(dense), strides(dense_strides(dense)) {}

  void narrow(std::size_t axis, std::int64_t start, std::int64_t count, std::int64_t step = 1);
  void flip(std::size_t axis);
  void swap(std::size_t a, std::size_t b);
  void drop(std::size_t axis);
  void append(std::int64_t size, std::int64_t stride);
  /// The axes a and b walked together, as a new last axis; starts `start` places along b, or -start along a.
  void diagonal(std::size_t a, std::size_t b, std::int64_t start);
  /// The copy from the window to a dense array of its shape.
  Box box() const;
};

/// The window's elements as a dense tensor of its shape. `reach`: how the window meets x's elements.
template <class T> Tensor<T> take(const char* name, const Tensor<T>& x, const View& view, Reach reach);
/// Zeros of `shape`, on which `view` is a window without repetition, with x in the window.
template <class T> Tensor<T> put(const char* name, const Tensor<T>& x, const Shape& shape, const View& view);

/// Along one axis: `count` places from `from` on, `step` apart, that move to neighbouring places from `to` on.
struct Segment {
  std::int64_t from, to, count, step = 1;
};
/// One box for each combination of the axes' segments.
Storage<Box> combine(const Shape& from, const Shape& to, const std::vector<std::vector<Segment>>& axes);

}  // namespace xgrad::detail
