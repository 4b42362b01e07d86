// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Operations that move or share elements. Axes may count from the end (-1 is the last); one outside throws Error.
#include <initializer_list>
#include <limits>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// The same elements with other sizes (shared, no copy). One size may be -1: it follows from the rest.
/// Throws Error unless the number of elements is the same.
template <class T> Tensor<T> reshape(const Tensor<T>& x, const Shape& shape);
template <class T> Tensor<T> reshape(const Tensor<T>& x, std::initializer_list<std::int64_t> sizes);
/// Axes start ... end (both included) merged into one.
template <class T> Tensor<T> flatten(const Tensor<T>& x, std::int64_t start = 0, std::int64_t end = -1);
/// Without the named axis, which must have size 1 (else Error); without any axis of size 1 if none is named.
template <class T> Tensor<T> squeeze(const Tensor<T>& x, std::int64_t axis);
template <class T> Tensor<T> squeeze(const Tensor<T>& x);
/// With a new axis of size 1 before `axis`, in [-rank - 1, rank].
template <class T> Tensor<T> unsqueeze(const Tensor<T>& x, std::int64_t axis);
/// With two axes exchanged (a copy).
template <class T> Tensor<T> transpose(const Tensor<T>& x, std::int64_t axis_a = -2, std::int64_t axis_b = -1);
/// Result axis i is x's axis order[i] (a copy). Throws Error unless `order` names every axis once.
template <class T> Tensor<T> permute(const Tensor<T>& x, const std::vector<std::int64_t>& order);
/// Repeats axes of size 1 up to `shape`; missing leading axes count as 1. Gradient: summed back.
template <class T> Tensor<T> expand(const Tensor<T>& x, const Shape& shape);
/// Elements start, start + step, ... before stop along one axis, by Python's rules: negative places count from the end,
/// places beyond it are clipped. Throws Error for step < 1.
template <class T>
Tensor<T> slice(const Tensor<T>& x, std::int64_t axis, std::int64_t start,
                std::int64_t stop = std::numeric_limits<std::int64_t>::max(), std::int64_t step = 1);
/// Joined along an existing axis. Throws Error for an empty list or sizes that differ elsewhere.
template <class T> Tensor<T> concat(const std::vector<Tensor<T>>& parts, std::int64_t axis = 0);
/// Joined along a new axis. Throws Error for an empty list or shapes that differ.
template <class T> Tensor<T> stack(const std::vector<Tensor<T>>& parts, std::int64_t axis = 0);

}  // namespace xgrad
