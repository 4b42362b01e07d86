// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// A' B' over broadcast leading axes, where ' transposes the last two axes if asked for; both of rank 2 or more. Its
/// gradients are products of the same kind, so transposition never copies.
template <class T> Tensor<T> product(const Tensor<T>& a, bool transpose_a, const Tensor<T>& b, bool transpose_b);

/// Pairs of axes of two arrays, by position.
struct AxisPairs {
  std::vector<std::int64_t> a, b;
};
/// Sums of products over the `summed` pairs, for each place of the `batch` pairs, whose sizes are equal. Result: the
/// batch axes, the other axes of a, the other axes of b.
template <class T>
Tensor<T> contract(const Tensor<T>& a, const Tensor<T>& b, const AxisPairs& batch, const AxisPairs& summed);

}  // namespace xgrad::detail
