// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What rules on whole tensors write besides the engine's operations.
#include <algorithm>
#include <cmath>

#include "xgrad/ops/decompositions.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/optim/tensor_rule.hpp"

namespace xgrad::optim::tensor_rules {

/// The 2-norm of all elements.
template <class T> double frobenius_norm(const Tensor<T>& x) {
  return std::sqrt(static_cast<double>(sum(square(x)).item()));
}
/// The root of the mean square.
template <class T> double rms(const Tensor<T>& x) {
  return frobenius_norm(x) / std::sqrt(static_cast<double>(x.size()));
}
/// average + weight (x - average)
template <class T> Tensor<T> toward(const Tensor<T>& average, const Tensor<T>& x, double weight) {
  return average + weight * (x - average);
}
/// Whether no element is NaN or infinite: LAPACK refuses the others.
template <class T> bool finite(const Tensor<T>& x) { return std::isfinite(static_cast<double>(sum(x).item())); }
inline std::int64_t elements(const Shape& shape) { return static_cast<std::int64_t>(shape.size()); }
/// A square array that belongs to an axis; empty if it is not kept.
[[gnu::noinline]] inline StateArray array_of_axis(const char* name, std::size_t axis, const std::string& place,
                                                  std::int64_t size, bool kept) {
  return {name + std::to_string(axis) + place, kept ? Shape{size, size} : Shape{0, 0}};
}
/// `shape` with one axis of size 1.
inline Shape reduced(Shape shape, std::size_t axis) {
  shape[axis] = 1;
  return shape;
}
/// x as a matrix whose rows belong to `axis`, and back.
template <class T> Tensor<T> unfold(const Tensor<T>& x, std::size_t axis) {
  return reshape(swapaxes(x, 0, static_cast<std::int64_t>(axis)),
                 {x.shape()[axis], elements(x.shape()) / x.shape()[axis]});
}
template <class T> Tensor<T> fold(const Tensor<T>& matrix, const Shape& shape, std::size_t axis) {
  Shape swapped = shape;
  std::swap(swapped[0], swapped[axis]);
  return swapaxes(reshape(matrix, swapped), 0, static_cast<std::int64_t>(axis));
}
/// m times x along one axis.
template <class T> Tensor<T> times_along(const Tensor<T>& m, const Tensor<T>& x, std::size_t axis) {
  return fold(matmul(m, unfold(x, axis)), x.shape(), axis);
}
template <class T> Tensor<T> identity(std::int64_t n) {
  Tensor<T> result = Tensor<T>::zeros({n, n});
  for (std::int64_t i = 0; i < n; ++i) result.mutable_data()[i * (n + 1)] = 1;
  return result;
}

}  // namespace xgrad::optim::tensor_rules
