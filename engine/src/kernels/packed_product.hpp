// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Matrix products of any size: the right factor is packed into panels of two vectors' width, and tiles of a few rows by
// one panel are summed in registers. The order of a sum does not depend on the tile that it is in.
#include "kernels/linear.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

using xgrad::detail::PackedProduct;

template <class T> constexpr std::size_t kPanel = 2 * Batch<T>::size;
constexpr std::size_t kTileRows = 6;  // 12 sums, two factors and one to spare: 16 registers

#if defined(__AVX__) && !defined(__AVX512F__)
/// Rows become columns.
inline void transpose(Batch<float> (&x)[8]) {
  __m256 pairs[8], fours[8];
  for (int i = 0; i < 4; ++i) {
    pairs[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
    pairs[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      fours[4 * i + 2 * j] = _mm256_shuffle_ps(pairs[4 * i + j], pairs[4 * i + j + 2], 0x44);
      fours[4 * i + 2 * j + 1] = _mm256_shuffle_ps(pairs[4 * i + j], pairs[4 * i + j + 2], 0xee);
    }
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
    x[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
  }
}
#endif

/// Where b' (k x n) has element (p, j): b[p * inner + j * column]. Each panel is k rows of kPanel elements, the last
/// one padded with zeros.
template <class T>
[[gnu::flatten]] void pack_panels(const T* b, std::size_t inner, std::size_t column, std::size_t k, std::size_t n,
                                  T* packed) {
  using V = Batch<T>;
  constexpr std::size_t width = kPanel<T>, lanes = V::size;
  for (std::size_t j = 0; j < n; j += width, packed += k * width) {
    const std::size_t count = n - j < width ? n - j : width;
    const T* from = b + j * column;
    std::size_t p = 0;
    if (count == width && column == 1)
      for (; p < k; ++p)
        for (std::size_t half = 0; half < width; half += lanes)
          V::load_unaligned(from + p * inner + half).store_unaligned(packed + p * width + half);
    if (count == width && inner == 1)
      for (; p + lanes <= k; p += lanes)
        for (std::size_t half = 0; half < width; half += lanes) {
          V square[lanes];
          for (std::size_t i = 0; i < lanes; ++i) square[i] = V::load_unaligned(from + (half + i) * column + p);
          transpose(square);
          for (std::size_t i = 0; i < lanes; ++i) square[i].store_unaligned(packed + (p + i) * width + half);
        }
    for (; p < k; ++p)
      for (std::size_t i = 0; i < width; ++i) packed[p * width + i] = i < count ? from[p * inner + i * column] : T{0};
  }
}

/// `rows` rows of C from one panel, whose first `cols` columns count.
template <std::size_t rows, class T>
[[gnu::flatten, gnu::noinline]] void product_tile(const PackedProduct<T>& p, const T* a, const T* panel, T* c,
                                                  std::size_t cols) {
  using V = Batch<T>;
  V sum[rows][2];
#pragma GCC unroll 6
  for (std::size_t r = 0; r < rows; ++r) sum[r][0] = sum[r][1] = V(T{0});
  for (std::size_t i = 0; i < p.k; ++i, panel += kPanel<T>, a += p.a_inner) {
    const V left = V::load_unaligned(panel), right = V::load_unaligned(panel + V::size);
#pragma GCC unroll 6
    for (std::size_t r = 0; r < rows; ++r) {
      const V factor(a[r * p.a_row]);
      sum[r][0] = xsimd::fma(factor, left, sum[r][0]);
      sum[r][1] = xsimd::fma(factor, right, sum[r][1]);
    }
  }
  const V alpha(p.alpha);
  const auto put = [&](T* place, V value, std::size_t n) {
    if (n == 0) return;
    value = value * alpha;
    store_up_to(place, p.accumulate ? V(load_up_to(place, n) + value) : value, n);
  };
  const std::size_t first = cols < V::size ? cols : V::size;
#pragma GCC unroll 6
  for (std::size_t r = 0; r < rows; ++r, c += p.c_stride) {
    put(c, sum[r][0], first);
    put(c + V::size, sum[r][1], cols - first);
  }
}

template <class T>
void product_rows(const PackedProduct<T>& p, std::size_t rows, const T* a, const T* panel, T* c, std::size_t cols) {
  switch (rows) {
    case 1: return product_tile<1, T>(p, a, panel, c, cols);
    case 2: return product_tile<2, T>(p, a, panel, c, cols);
    case 3: return product_tile<3, T>(p, a, panel, c, cols);
    case 4: return product_tile<4, T>(p, a, panel, c, cols);
    case 5: return product_tile<5, T>(p, a, panel, c, cols);
    default: return product_tile<kTileRows, T>(p, a, panel, c, cols);
  }
}

template <class T> void packed_product(const PackedProduct<T>& p) {
  constexpr std::size_t kRows = 16 * kTileRows;  // of A stay in the second-level cache while all panels pass
  for (std::size_t first = 0; first < p.m; first += kRows) {
    const std::size_t end = first + kRows < p.m ? first + kRows : p.m;
    for (std::size_t j = 0; j < p.n; j += kPanel<T>)
      for (std::size_t i = first; i < end; i += kTileRows)
        product_rows(p, end - i < kTileRows ? end - i : kTileRows, p.a + i * p.a_row, p.panels + j * p.k,
                     p.c + i * p.c_stride + j, p.n - j < kPanel<T> ? p.n - j : kPanel<T>);
  }
}

/// In double OpenBLAS is faster; with AVX-512 oneDNN may be.
template <class T> constexpr detail::OwnProducts<T> own_products() {
  if constexpr (sizeof(Batch<T>) == 32 && sizeof(T) == 4)
    return {kPanel<T>, pack_panels<T>, packed_product<T>};
  else
    return {};
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
