// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Dense linear algebra over LAPACK, best in double. Matrices are the last two axes, the others are a batch; matrices of
// a batch are independent of one another. Throws Error for shapes that are not square where they have to be, and for
// matrices that a function is not defined for, with their place in the batch.
#include "xgrad/tensor.hpp"

namespace xgrad {

// Inverses and determinants of (..., N, N), by LU factors.

/// Throws Error for a pivot that is exactly zero.
template <class T> Tensor<T> inverse(const Tensor<T>& a);
/// x of a x = b: b (..., N, K), or (..., N) with exactly a's leading axes, or (N,). Batches of matrices broadcast.
/// Backward uses the same factors. Throws Error for a pivot that is exactly zero.
template <class T> Tensor<T> solve(const Tensor<T>& a, const Tensor<T>& b);

struct TriangularOptions {
  bool upper = false;          ///< which triangle of the matrix counts; the other one is not read
  bool left = true;            ///< a x = b; else x a = b
  bool unitriangular = false;  ///< the diagonal counts as 1 and is not read
};
/// x of a x = b or x a = b with a triangular; batches broadcast. Throws Error for a zero on the diagonal.
template <class T> Tensor<T> solve_triangular(const Tensor<T>& a, const Tensor<T>& b, TriangularOptions options = {});

/// The determinant. Its gradient, the cofactors, is exact for singular matrices too; gradients of gradients need an
/// invertible matrix.
template <class T> Tensor<T> det(const Tensor<T>& a);
template <class T> struct SignAndLogabsdet {
  Tensor<T> sign;       ///< -1, 0 or 1; a constant
  Tensor<T> logabsdet;  ///< -inf for a singular matrix, which has no gradient (Error in backward)
};
/// det as sign and logarithm, which do not overflow.
template <class T> SignAndLogabsdet<T> slogdet(const Tensor<T>& a);
/// log(det(a)): NaN for a negative determinant, -inf for 0.
template <class T> Tensor<T> logdet(const Tensor<T>& a);

// Factors.

/// The lower triangular l with a = l l^T, of a symmetric positive definite matrix, whose lower triangle is read.
/// Throws Error for a leading minor that is not positive. The gradient is symmetric.
template <class T> Tensor<T> cholesky(const Tensor<T>& a);
template <class T> struct QR { Tensor<T> q, r; };
/// a (..., M, N) = q r with K = min(M, N) orthonormal columns q (..., M, K) and r (..., K, N) upper triangular.
/// Gradients need a full-rank matrix (its first K columns, if M < N).
template <class T> QR<T> qr(const Tensor<T>& a);
template <class T> struct Eigh { Tensor<T> eigenvalues, eigenvectors; };
/// a = v diag(w) v^T of a symmetric matrix, whose lower triangle is read: w (..., N) ascending, v's columns are
/// orthonormal. The gradient is symmetric. Eigenvectors have no gradient within the space of equal eigenvalues (0
/// there): only what does not depend on their choice is differentiable, nor does it depend on their signs.
template <class T> Eigh<T> eigh(const Tensor<T>& a);
template <class T> struct SVD { Tensor<T> u, s, vh; };
/// a (..., M, N) = u diag(s) vh, thin: u (..., M, K), s (..., K) descending, vh (..., K, N), K = min(M, N). What was
/// said of eigh's vectors holds for u and vh.
template <class T> SVD<T> svd(const Tensor<T>& a);

// Least squares and functions of matrices.

/// The Moore-Penrose inverse (..., N, M) of (..., M, N). Singular values below `rtol` times the largest count as 0;
/// negative: the precision of T times max(M, N). Its gradient is that of matrices of the same rank.
template <class T> Tensor<T> pinv(const Tensor<T>& a, double rtol = -1);
/// The x of smallest norm that minimises |a x - b|: pinv(a, rtol) @ b.
template <class T> Tensor<T> lstsq(const Tensor<T>& a, const Tensor<T>& b, double rtol = -1);
/// a multiplied with itself n times; of the inverse for n < 0, the identity for n = 0.
template <class T> Tensor<T> matrix_power(const Tensor<T>& a, std::int64_t n);
/// e^a by scaling, Pade approximation and squaring. Higham 2005, doi:10.1137/04061101X
template <class T> Tensor<T> matrix_exp(const Tensor<T>& a);

}  // namespace xgrad
