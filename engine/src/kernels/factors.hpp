// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Factors of one dense row-major matrix. LAPACK is column-major, for which a row-major matrix is its transpose: each
// function asks it for the factors of the transpose that are, row-major, those wanted, so nothing is transposed.
#include <cstddef>

namespace xgrad::detail {

/// Replaces a (n x n) by the factors that the next functions read. Returns 0, or i if pivot i (from 1) is exactly zero.
template <class T> int factor_lu(std::size_t n, T* a, int* pivots);
/// b (n x k) becomes the x of a x = b, or of a^T x = b.
template <class T> void solve_lu(bool transposed, std::size_t n, std::size_t k, const T* lu, const int* pivots, T* b);
/// The factors become the inverse.
template <class T> void invert_lu(std::size_t n, T* lu, const int* pivots);
/// -1 or 1 by the exchanges, times the signs of the pivots; 0 if one is 0.
template <class T> T lu_sign(std::size_t n, const T* lu, const int* pivots);

/// b (rows x cols) becomes the x of a' x = b (left) or x a' = b, where a' is the triangle of a, transposed if asked
/// for.
template <class T>
void solve_triangle(bool left, bool upper, bool transposed, bool unit_diagonal, std::size_t rows, std::size_t cols,
                    const T* a, T* b);

/// a (n x n, lower triangle) becomes the lower triangular l of a = l l^T. Returns 0, or the order of the leading minor
/// that is not positive.
template <class T> int factor_cholesky(std::size_t n, T* a);
/// a (m x n, m >= n) becomes q; r is n x n.
template <class T> void factor_qr(std::size_t m, std::size_t n, T* a, T* r);
/// a (n x n, lower triangle, overwritten) = v diag(w) v^T. Returns 0, or not if it did not converge.
template <class T> int factor_eigh(std::size_t n, T* a, T* w, T* v);
/// a (m x n, overwritten) = u diag(s) vh, thin. Returns 0, or not if it did not converge.
template <class T> int factor_svd(std::size_t m, std::size_t n, T* a, T* u, T* s, T* vh);

}  // namespace xgrad::detail
