// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Matrix products over BLAS.
#include <string_view>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// The matrix product of the last two axes, (..., M, K) @ (..., K, N) -> (..., M, N); the others broadcast.
/// A rank-1 `a` counts as (1, K), a rank-1 `b` as (K, 1), and the added axis is dropped from the result; two rank-1
/// operands give their scalar product. K = 0 gives zeros. Throws Error for rank 0 or inner sizes that differ.
template <class T> Tensor<T> matmul(const Tensor<T>& a, const Tensor<T>& b);

/// (B, M, K) @ (B, K, N) -> (B, M, N): matmul for rank 3 exactly, without broadcasting.
template <class T> Tensor<T> bmm(const Tensor<T>& a, const Tensor<T>& b);
/// beta c + alpha (a @ b) for matrices a (M, K), b (K, N) and c that expands to (M, N). beta = 0 ignores c, NaN and
/// all.
template <class T>
Tensor<T> addmm(const Tensor<T>& c, const Tensor<T>& a, const Tensor<T>& b, double beta = 1, double alpha = 1);
/// The same for batches: bmm of a and b.
template <class T>
Tensor<T> baddbmm(const Tensor<T>& c, const Tensor<T>& a, const Tensor<T>& b, double beta = 1, double alpha = 1);
/// The scalar product of two vectors of the same size.
template <class T> Tensor<T> dot(const Tensor<T>& a, const Tensor<T>& b);
/// dot, which PyTorch has under this name for complex vectors.
template <class T> Tensor<T> vdot(const Tensor<T>& a, const Tensor<T>& b);
/// Sums of products over the last axes, (I..., K) and (J..., K) -> (I..., J...); the product if one is a scalar.
template <class T> Tensor<T> inner(const Tensor<T>& a, const Tensor<T>& b);
/// All products of two vectors' elements: (M), (N) -> (M, N).
template <class T> Tensor<T> outer(const Tensor<T>& a, const Tensor<T>& b);
/// Sums of products over axis axes_a[i] of a and axes_b[i] of b, for all i at once. Result: the other axes of a, then
/// those of b. Throws Error unless the sizes are equal.
template <class T>
Tensor<T> tensordot(const Tensor<T>& a, const Tensor<T>& b, const std::vector<std::int64_t>& axes_a,
                    const std::vector<std::int64_t>& axes_b);
/// Over the last `count` axes of a and the first ones of b.
template <class T> Tensor<T> tensordot(const Tensor<T>& a, const Tensor<T>& b, std::int64_t count = 2);
/// y_o = a^T W_o b + bias_o: a (..., I), b (..., J), weight (O, I, J), bias (O) or undefined -> (..., O).
template <class T>
Tensor<T> bilinear(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& weight, const Tensor<T>& bias = {});
/// The Kronecker product: a with every element replaced by its product with b. Missing leading axes count as 1; at most
/// 4 axes.
template <class T> Tensor<T> kron(const Tensor<T>& a, const Tensor<T>& b);
/// The sum of a matrix' diagonal.
template <class T> Tensor<T> trace(const Tensor<T>& x);
/// Sums of products in Einstein's notation: einsum<float>("bij,bjk->bik", {a, b}).
///
/// Letters name the axes of each operand, separated by commas; "..." stands for further axes, which broadcast. A letter
/// that is repeated within an operand takes its diagonal; letters not in the output are summed over. Without "->" the
/// output is "..." followed by the letters that occur once, in alphabetical order. More than two operands are
/// multiplied pair by pair, the pair with the smallest result first.
/// Throws Error for a spec that does not fit the operands, a letter with two sizes, or an output letter that is unknown
/// or repeated.
template <class T> Tensor<T> einsum(std::string_view spec, const std::vector<Tensor<T>>& operands);

/// What linear() applies to its result in the same pass.
enum class Activation { none, relu, tanh, sigmoid, gelu };

/// activation(x weight^T + bias): x (..., in), weight (out, in), bias (out) -> (..., out). `bias` may be undefined.
/// One graph node; bias, activation and the bias gradient take no pass of their own.
/// Throws Error naming the shapes unless they fit.
template <class T>
Tensor<T> linear(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {},
                 Activation activation = Activation::none);

}  // namespace xgrad
