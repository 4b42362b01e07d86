// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reductions. `axes` may count from the end, in any order; an empty list means all axes. With keepdims each reduced
// axis stays with size 1. Throws Error for an axis outside or named twice.
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// A list of axes: {0, -1}, one number, or none for all of them.
class Axes {
 public:
  Axes() = default;
  Axes(std::initializer_list<std::int64_t> axes) : axes_(axes) {}
  Axes(std::vector<std::int64_t> axes) : axes_(std::move(axes)) {}
  Axes(int axis) : axes_{axis} {}

  /// Which axes of a shape of this rank are meant: one flag for each, all of them if the list is empty.
  std::vector<bool> selected(const Shape& shape, const char* operation) const;

 private:
  std::vector<std::int64_t> axes_;
};

/// Sum; 0 over nothing.
template <class T> Tensor<T> sum(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Sum over the axes along which `shape` would broadcast to x's shape; the reverse of expand().
template <class T> Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape);
/// Arithmetic mean; NaN over nothing.
template <class T> Tensor<T> mean(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Sum of squared differences from the mean, divided by n - correction; NaN if that is not positive.
template <class T>
Tensor<T> var(const Tensor<T>& x, const Axes& axes = {}, double correction = 1, bool keepdims = false);
/// Square root of var; gradient 0 where it is 0.
template <class T>
Tensor<T> std(const Tensor<T>& x, const Axes& axes = {}, double correction = 1, bool keepdims = false);
/// Largest element; the gradient is shared evenly by all that are equal to it. NaN wins. Error over nothing.
template <class T> Tensor<T> amax(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Smallest element, as amax.
template <class T> Tensor<T> amin(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// log(sum(exp(x))) without overflow; -inf over nothing or only -inf (gradient 0 there).
template <class T> Tensor<T> logsumexp(const Tensor<T>& x, const Axes& axes = {}, bool keepdims = false);
/// Place of the first largest element along one axis; rank one less. Error over nothing.
template <class T> Indices argmax(const Tensor<T>& x, std::int64_t axis = -1);
/// Place of the first smallest element along one axis.
template <class T> Indices argmin(const Tensor<T>& x, std::int64_t axis = -1);

namespace detail {
/// x's elements at `indices` along the axis, which has one place for each of them: shape of x without the axis.
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
