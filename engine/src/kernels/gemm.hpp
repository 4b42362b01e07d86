// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

#include "xgrad/storage.hpp"

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

/// B' (k x n) laid out once for several products with it.
template <class T> class RightFactor {
 public:
  RightFactor() = default;
  /// `rows` of A in all products together: few are not worth the packing. Refers to b's elements then.
  RightFactor(std::size_t rows, bool transpose_b, std::size_t k, std::size_t n, Rows<const T> b);
  /// C (m x n) = alpha A B' + (accumulate ? C : 0) with the first n columns of B', in the calling thread.
  void multiply(std::size_t m, std::size_t n, T alpha, Rows<const T> a, Rows<T> c, bool accumulate) const;

 private:
  bool transposed_ = false;
  std::size_t k_ = 0, padded_ = 0;  // columns of all panels
  Rows<const T> b_{};
  Storage<T> panels_;
};

}  // namespace xgrad::detail
