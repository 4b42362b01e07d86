// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Order along one axis (it may count from the end): sorting, ranks, searching, counting. A NaN counts as larger than
// every number; of equal elements the one with the lower index comes first. Gradients go to the elements chosen.
#include <vector>

#include "xgrad/ops/reduce.hpp"

namespace xgrad {

/// Sorted values and where each stood. Stable; a NaN comes last, first if descending.
template <class T> ValuesAndIndices<T> sort(const Tensor<T>& x, std::int64_t axis = -1, bool descending = false);
/// The indices of sort().
template <class T> Indices argsort(const Tensor<T>& x, std::int64_t axis = -1, bool descending = false);
/// The k largest elements (or smallest), sorted, and where each stood. Throws Error for k outside [0, size].
template <class T>
ValuesAndIndices<T> topk(const Tensor<T>& x, std::int64_t k, std::int64_t axis = -1, bool largest = true);
/// The k-th smallest element, counting from 1, and its place. Throws Error for k outside [1, size].
template <class T>
ValuesAndIndices<T> kthvalue(const Tensor<T>& x, std::int64_t k, std::int64_t axis = -1, bool keepdims = false);
/// The most frequent element, the smallest of equally frequent ones, and its last place.
template <class T> ValuesAndIndices<T> mode(const Tensor<T>& x, std::int64_t axis = -1, bool keepdims = false);

/// The middle element, the lower of two, and its place; the first NaN if there is one. Error over nothing.
template <class T> ValuesAndIndices<T> median(const Tensor<T>& x, std::int64_t axis, bool keepdims = false);
/// The same among all elements: a scalar.
template <class T> Tensor<T> median(const Tensor<T>& x);

/// What quantile() gives between two elements.
enum class Interpolation { linear, lower, higher, nearest, midpoint };
/// The value that a share q in [0, 1] of the elements does not exceed: the element at q (n - 1) in sorted order, or
/// between two. NaN if one is there. Error over nothing.
template <class T>
Tensor<T> quantile(const Tensor<T>& x, double q, std::int64_t axis, bool keepdims = false,
                   Interpolation interpolation = Interpolation::linear);
/// The same among all elements: a scalar.
template <class T> Tensor<T> quantile(const Tensor<T>& x, double q);
/// Several quantiles at once, along a new first axis.
template <class T>
Tensor<T> quantile(const Tensor<T>& x, const std::vector<double>& q, std::int64_t axis, bool keepdims = false,
                   Interpolation interpolation = Interpolation::linear);

/// Where each of `values` would have to be inserted to keep `sorted` in order along its last axis: before equal
/// elements, or behind them if right. `sorted` has one axis, or the values' leading axes. Throws Error if not sorted.
template <class T> Indices searchsorted(const Tensor<T>& sorted, const Tensor<T>& values, bool right = false);
/// The bucket of each element of x between `boundaries` (one axis, sorted), as searchsorted(boundaries, x, right).
template <class T> Indices bucketize(const Tensor<T>& x, const Tensor<T>& boundaries, bool right = false);

template <class T> struct Unique {
  Tensor<T> values;         ///< one axis, increasing
  Indices inverse, counts;  ///< of x's shape: which value each element is; how often each value occurs
};
/// The distinct elements. Every NaN is one of its own. No gradient.
template <class T> Unique<T> unique(const Tensor<T>& x);

/// How often each number from 0 on occurs, at least `minlength` numbers. Throws Error for negative ones.
Indices bincount(const Indices& x, std::int64_t minlength = 0);
/// The sums of the weights, of x's shape, of each number; differentiable in the weights.
template <class T> Tensor<T> bincount(const Indices& x, const Tensor<T>& weights, std::int64_t minlength = 0);
/// How many elements lie in each of `bins` equal parts of [low, high], the last one with its end; low = high: of the
/// range of x. What lies outside, and a NaN, is not counted. No gradient. Throws Error for a range that is not finite.
template <class T> Tensor<T> histc(const Tensor<T>& x, std::int64_t bins = 100, double low = 0, double high = 0);

}  // namespace xgrad
