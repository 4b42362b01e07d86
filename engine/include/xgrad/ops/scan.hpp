// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Running results along one axis (it may count from the end), and what is made of neighbours. The shape stays; sums and
// products run in double.
#include "xgrad/ops/reduce.hpp"

namespace xgrad {

/// y_i = x_0 + ... + x_i
template <class T> Tensor<T> cumsum(const Tensor<T>& x, std::int64_t axis);
/// y_i = x_0 x_1 ... x_i. The gradient is right where elements are 0.
template <class T> Tensor<T> cumprod(const Tensor<T>& x, std::int64_t axis);
/// y_i = log(exp(x_0) + ... + exp(x_i)) without overflow. Gradient 0 while everything is -inf.
template <class T> Tensor<T> logcumsumexp(const Tensor<T>& x, std::int64_t axis);
/// The largest element so far and its place; a later equal one takes over. A NaN wins and stays.
template <class T> ValuesAndIndices<T> cummax(const Tensor<T>& x, std::int64_t axis);
/// The smallest element so far, as cummax.
template <class T> ValuesAndIndices<T> cummin(const Tensor<T>& x, std::int64_t axis);

/// x_{i+1} - x_i, n times over: the axis becomes n shorter, but not shorter than 0. Throws Error for n < 0 or a scalar.
template <class T> Tensor<T> diff(const Tensor<T>& x, std::int64_t n = 1, std::int64_t axis = -1);
/// The integral of y by the trapezoidal rule along one axis, for points dx apart: without that axis.
template <class T> Tensor<T> trapezoid(const Tensor<T>& y, double dx = 1, std::int64_t axis = -1);
/// The same for points at x, of y's shape or one axis as long as that of y.
template <class T> Tensor<T> trapezoid(const Tensor<T>& y, const Tensor<T>& x, std::int64_t axis = -1);
/// The integral up to each point but the first: the axis is one shorter.
template <class T> Tensor<T> cumulative_trapezoid(const Tensor<T>& y, double dx = 1, std::int64_t axis = -1);

}  // namespace xgrad
