// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Matrix products over BLAS.
#include "xgrad/tensor.hpp"

namespace xgrad {

/// The matrix product of the last two axes, (..., M, K) @ (..., K, N) -> (..., M, N); the others broadcast.
/// A rank-1 `a` counts as (1, K), a rank-1 `b` as (K, 1), and the added axis is dropped from the result; two rank-1
/// operands give their scalar product. K = 0 gives zeros. Throws Error for rank 0 or inner sizes that differ.
template <class T> Tensor<T> matmul(const Tensor<T>& a, const Tensor<T>& b);

/// What linear() applies to its result in the same pass.
enum class Activation { none, relu, tanh, sigmoid };

/// activation(x weight^T + bias): x (..., in), weight (out, in), bias (out) -> (..., out). `bias` may be undefined.
/// One graph node; bias, activation and the bias gradient take no pass of their own.
/// Throws Error naming the shapes unless they fit.
template <class T>
Tensor<T> linear(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                 Activation activation = Activation::none);

}  // namespace xgrad
