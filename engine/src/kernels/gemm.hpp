// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

namespace xgrad::detail {

/// C (m x n) = A' B' + (accumulate ? C : 0), all row-major and dense, where A' is A (m x k), or A transposed if
/// `transpose_a` and A is k x m; likewise B' (k x n). k = 0 gives zeros.
template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, const T* a, const T* b, T* c,
          bool accumulate);

/// A matrix inside a larger array: dense rows, `stride` elements from one to the next.
template <class T> struct Rows {
  T* data;
  std::size_t stride;
};
/// C = alpha A' B' + (accumulate ? C : 0), as above, on matrices that are parts of larger arrays.
template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, T alpha, Rows<const T> a,
          Rows<const T> b, Rows<T> c, bool accumulate);

}  // namespace xgrad::detail
