// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Matrix products that take less time than a call of BLAS.
#include "kernels/linear.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

template <class T> [[gnu::flatten]] void small_product(const detail::SmallProduct<T>& p) {
  constexpr std::size_t kWidth = Batch<T>::size;
  static_assert(detail::kSmallProductPadding % kWidth == 0);
  // Whole vectors of b' are read: rows that become columns, or that end within a vector, are copied and padded.
  alignas(64) T packed[detail::kSmallProduct];
  const T* b = p.b;
  std::size_t b_stride = p.b_stride;
  const std::size_t padded = (p.n + kWidth - 1) / kWidth * kWidth;
  if (p.transpose_b || padded != p.n) {
    const std::size_t along_row = p.transpose_b ? p.b_stride : 1, along_column = p.transpose_b ? 1 : p.b_stride;
    for (std::size_t k = 0; k < p.k; ++k) {
      for (std::size_t j = 0; j < p.n; ++j) packed[k * padded + j] = b[k * along_column + j * along_row];
      for (std::size_t j = p.n; j < padded; ++j) packed[k * padded + j] = 0;
    }
    b = packed;
    b_stride = padded;
  }
  const std::size_t row_step = p.transpose_a ? 1 : p.a_stride, inner_step = p.transpose_a ? p.a_stride : 1;
  constexpr std::size_t kRows = 4;  // at once: independent sums hide the latency of a multiply-add
  for (std::size_t i = 0; i < p.m; i += kRows) {
    const T* a[kRows];
    for (std::size_t r = 0; r < kRows; ++r) a[r] = p.a + (i + r < p.m ? i + r : p.m - 1) * row_step;
    for_columns<T>(p.n, [&](std::size_t j, std::size_t count) {
      Batch<T> sum[kRows] = {Batch<T>(T{0}), Batch<T>(T{0}), Batch<T>(T{0}), Batch<T>(T{0})};
      for (std::size_t k = 0; k < p.k; ++k) {
        const Batch<T> row = Batch<T>::load_unaligned(b + k * b_stride + j);
        for (std::size_t r = 0; r < kRows; ++r) sum[r] = xsimd::fma(Batch<T>(a[r][k * inner_step]), row, sum[r]);
      }
      for (std::size_t r = 0; r < kRows && i + r < p.m; ++r) {
        T* place = p.c + (i + r) * p.c_stride + j;
        const Batch<T> scaled = sum[r] * Batch<T>(p.alpha);
        store_up_to(place, p.accumulate ? Batch<T>(load_up_to(place, count) + scaled) : scaled, count);
      }
    });
  }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
