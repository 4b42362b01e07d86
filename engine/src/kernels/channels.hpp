// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What surrounds a convolution: one row for each channel of a sample.
#include "kernels/reduce.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

/// y[r, j] += bias[r], then max(y, 0) if `relu`. bias may be null.
template <class T> [[gnu::flatten]] void bias_rows(T* y, const T* bias, std::size_t rows, std::size_t cols, bool relu) {
  for (std::size_t r = 0; r < rows; ++r, y += cols)
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      Batch<T> v = load_up_to(y + j, n);
      if (bias) v = v + Batch<T>(bias[r]);
      if (relu) v = relu_function{}.value(v);
      store_up_to(y + j, v, n);
    });
}

/// sums[r] = sum of d[r, :], where d = y > 0 ? g : 0, or g if y is null; d is written if given.
template <class T>
[[gnu::flatten]] void masked_row_sums(const T* y, const T* g, T* d, T* sums, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r)
    sums[r] = row_sum<T>(cols, [&](std::size_t j, std::size_t n) {
      const std::size_t at = r * cols + j;
      Batch<T> v = load_up_to(g + at, n);
      if (y) v = v * slope<FusedActivation::relu, T>(load_up_to(y + at, n));
      if (d) store_up_to(d + at, v, n);
      return v;
    });
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
