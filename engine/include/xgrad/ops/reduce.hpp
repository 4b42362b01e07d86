// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reductions. `axes` may count from the end, in any order; an empty list means all axes. With keepdims each reduced
// axis stays with size 1. Throws Error for an axis outside or named twice. The order of summation is fixed: results do
// not depend on the number of threads.
#include <bitset>
#include <span>
#include <utility>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// One flag for each axis of a shape.
using AxisFlags = std::bitset<Shape::kMaxRank>;

/// A list of axes: {0, -1}, one number, or none for all of them.
class Axes {
 public:
  Axes() = default;
  Axes(std::initializer_list<std::int64_t> axes) : Axes(std::span(axes.begin(), axes.size())) {}
  Axes(const std::vector<std::int64_t>& axes) : Axes(std::span(axes)) {}
  Axes(int axis) : Axes({std::int64_t{axis}}) {}
  /// Throws Error for more axes than a shape can have.
  explicit Axes(std::span<const std::int64_t> axes);

  /// Which axes of the shape are meant, all of them if the list is empty.
  AxisFlags selected(const Shape& shape, const char* operation) const;

 private:
  std::size_t count_ = 0;
  std::array<std::int64_t, Shape::kMaxRank> axes_{};
};

/// Sum; 0 over nothing.
template <class T> Tensor<T> sum(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Sum over the axes along which `shape` would broadcast to x's shape; the reverse of expand().
template <class T> Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape);
/// Product; 1 over nothing. The gradient is right where elements are 0.
template <class T> Tensor<T> prod(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Arithmetic mean; NaN over nothing.
template <class T> Tensor<T> mean(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Sum of squared differences from the mean, divided by n - correction; NaN if that is not positive.
template <class T>
Tensor<T> var(const Tensor<T>& x, const Axes& axes = {}, double correction = 1, bool keepdims = false);
/// Square root of var; gradient 0 where it is 0.
template <class T>
Tensor<T> std(const Tensor<T>& x, const Axes& axes = {}, double correction = 1, bool keepdims = false);
/// var and mean.
template <class T>
std::pair<Tensor<T>, Tensor<T>> var_mean(const Tensor<T>& x, const Axes& axes = {}, double correction = 1,
                                         bool keepdims = false);
/// std and mean.
template <class T>
std::pair<Tensor<T>, Tensor<T>> std_mean(const Tensor<T>& x, const Axes& axes = {}, double correction = 1,
                                         bool keepdims = false);
/// (sum |x|^p)^(1/p) for any p: infinity gives the largest |x|, -infinity the smallest, 0 the number of elements that
/// are not 0 (gradient 0). Neither large nor small numbers overflow on the way. 0 over nothing; Error then for
/// p = +-infinity. Gradient 0 where the result is 0 and, for p < 1, of elements that are 0; ties of p = +-infinity
/// share it.
template <class T> Tensor<T> norm(const Tensor<T>& x, double p = 2, const Axes& axes = {}, bool keepdims = false);
/// Largest element; the gradient is shared evenly by all that are equal to it. NaN wins. Error over nothing.
template <class T> Tensor<T> amax(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Smallest element, as amax.
template <class T> Tensor<T> amin(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// log(sum(exp(x))) without overflow; -inf over nothing or only -inf (gradient 0 there).
template <class T> Tensor<T> logsumexp(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// a b / (max(|a|, eps) max(|b|, eps)) along one axis, the cosine of the angle between them; a and b broadcast.
template <class T>
Tensor<T> cosine_similarity(const Tensor<T>& a, const Tensor<T>& b, std::int64_t axis = 1, double eps = 1e-8);

/// True if every element is; also of nothing. `all(x > 0)`.
bool all(const Mask& mask);
/// True if some element is.
bool any(const Mask& mask);
Mask all(const Mask& mask, const Axes& axes, bool keepdims = false);
Mask any(const Mask& mask, const Axes& axes, bool keepdims = false);
/// How many elements are true, or not 0 (a NaN counts).
Indices count_nonzero(const Mask& mask, const Axes& axes = {}, bool keepdims = false);
template <class T> Indices count_nonzero(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);

/// Place of the first largest element along one axis, without that axis unless keepdims. NaN wins. Error over nothing.
template <class T> Indices argmax(const Tensor<T>& x, std::int64_t axis, bool keepdims = false);
/// The same among all elements in row-major order: a scalar.
template <class T> Indices argmax(const Tensor<T>& x);
/// Place of the first smallest element, as argmax.
template <class T> Indices argmin(const Tensor<T>& x, std::int64_t axis, bool keepdims = false);
template <class T> Indices argmin(const Tensor<T>& x);

namespace detail {
/// x's elements at `indices` along the axis: each column of x is looked up in the same column of the indices, whose
/// other axes are x's. The axis may have any size there, or be missing (one place for each column).
template <class T> Tensor<T> pick(const char* name, const Tensor<T>& x, std::size_t axis, const Indices& indices);
}  // namespace detail

template <class T> struct ValuesAndIndices {
  Tensor<T> values;
  Indices indices;
};
/// Largest element along one axis and its first place, which alone receives the gradient.
template <class T> ValuesAndIndices<T> max(const Tensor<T>& x, std::int64_t axis, bool keepdims = false);
/// Smallest element along one axis and its first place.
template <class T> ValuesAndIndices<T> min(const Tensor<T>& x, std::int64_t axis, bool keepdims = false);

}  // namespace xgrad
