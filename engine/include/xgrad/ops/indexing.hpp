// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Taking elements by index and putting them back. Indices are int64 arrays without a graph; every index is checked
// before anything is touched, and an Error names the first that is outside, and its position. Where several indices
// name one place, sums are made in their row-major order, and of written values the last stays.
#include <initializer_list>
#include <limits>
#include <optional>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// The slices of x along one axis that `indices` (one axis, or a scalar) names, in their order. Gradients of a slice
/// named twice add up. Negative indices are refused.
template <class T> Tensor<T> index_select(const Tensor<T>& x, std::int64_t axis, const Indices& indices);
/// y[i][j][k] = x[indices[i][j][k]][j][k] for axis 0, likewise for others. `indices` has x's rank and the result's
/// shape; its other axes may be shorter than x's. Negative indices are refused.
template <class T> Tensor<T> gather(const Tensor<T>& x, std::int64_t axis, const Indices& indices);
/// As gather, but all axes except one broadcast, and -1 is the last place: what argsort() gives fits.
template <class T> Tensor<T> take_along_axis(const Tensor<T>& x, const Indices& indices, std::int64_t axis);
/// The elements at places of the flattened x, in the indices' shape; -1 is the last.
template <class T> Tensor<T> take(const Tensor<T>& x, const Indices& indices);

/// One index array for each leading axis; std::nullopt keeps an axis whole.
using AxisIndices = std::vector<std::optional<Indices>>;
/// NumPy's advanced indexing, x[i0, :, i2]: index arrays broadcast together to one block of axes, which stands where
/// the first of them was if they are neighbours, else in front. -1 is the last place of an axis.
template <class T> Tensor<T> index(const Tensor<T>& x, const AxisIndices& indices);
/// A copy of x with `values`, which broadcast to index(x, indices), written or (accumulate) added there. Where places
/// repeat and nothing is added, the gradient of the values that were overwritten is undefined.
template <class T>
Tensor<T> index_put(const Tensor<T>& x, const AxisIndices& indices, const Tensor<T>& values, bool accumulate = false);

/// A copy of x with source's slices added, alpha times, to the slices that `indices` (one axis) names.
template <class T>
Tensor<T> index_add(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source,
                    double alpha = 1);
/// A copy of x with source's slices in place of the slices named.
template <class T>
Tensor<T> index_copy(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source);
/// A copy of x with the slices named filled with a number.
template <class T> Tensor<T> index_fill(const Tensor<T>& x, std::int64_t axis, const Indices& indices, double value);

/// A copy of x with y[indices[i][j][k]][j][k] = source[i][j][k] for axis 0, likewise for others: the reverse of gather.
/// `source` is at least as large as `indices` along every axis. The gradient of overwritten values is undefined.
template <class T>
Tensor<T> scatter(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source);
template <class T> Tensor<T> scatter(const Tensor<T>& x, std::int64_t axis, const Indices& indices, double value);
/// As scatter, but values are added to what is there.
template <class T>
Tensor<T> scatter_add(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source);
enum class ScatterReduce { sum, prod, mean, amax, amin };
/// As scatter, but the values of a place, and x's own if include_self, are reduced to one. Ties of amax and amin share
/// the gradient evenly. The first derivative of prod is right where values are 0; its second where none is.
template <class T>
Tensor<T> scatter_reduce(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source,
                         ScatterReduce reduce, bool include_self = true);

/// The elements where the mask, broadcast with x, is true, in row-major order: one axis.
template <class T> Tensor<T> masked_select(const Tensor<T>& x, const Mask& mask);
/// x with `value` (a scalar) where the mask is true; the mask broadcasts to x's shape.
template <class T> Tensor<T> masked_fill(const Tensor<T>& x, const Mask& mask, const Tensor<T>& value);
template <class T> Tensor<T> masked_fill(const Tensor<T>& x, const Mask& mask, double value);
/// x with the first elements of `source`, in row-major order, where the mask, which broadcasts to x's shape, is true.
template <class T> Tensor<T> masked_scatter(const Tensor<T>& x, const Mask& mask, const Tensor<T>& source);
/// The coordinates of what is true, or not 0: (count, rank), in row-major order.
Indices nonzero(const Mask& mask);
template <class T> Indices nonzero(const Tensor<T>& x);

/// A copy of x with v, which broadcasts to slice(x, axis, start, stop, step), written there.
template <class T>
Tensor<T> slice_update(const Tensor<T>& x, const Tensor<T>& v, std::int64_t axis, std::int64_t start,
                       std::int64_t stop = std::numeric_limits<std::int64_t>::max(), std::int64_t step = 1);

}  // namespace xgrad
