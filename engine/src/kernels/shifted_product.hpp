// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Products with a matrix whose rows are the same array, each shifted by an offset of its own: what a convolution over
// rows of equal distance is. Nothing is copied.
#include "kernels/linear.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

inline constexpr std::size_t kShiftedVectors = 3;
template <class T> inline constexpr std::size_t shifted_span = kShiftedVectors* Batch<T>::size;

/// y[r, i] = sum over k of weights[k * kShiftedRows + r] x[offsets[k] + i] for i < n; n is at least shifted_span.
template <class T>
[[gnu::flatten]] void shifted_product(const T* x, const std::ptrdiff_t* offsets, std::size_t count, const T* weights,
                                      T* y, std::size_t y_stride, std::size_t n) {
  using V = Batch<T>;
  constexpr std::size_t kRows = detail::kShiftedRows, kVectors = kShiftedVectors, kSpan = shifted_span<T>;
  for (std::size_t next = 0; next < n; next += kSpan) {
    const std::size_t i = next + kSpan <= n ? next : n - kSpan;  // the last span computes some results again
    V sum[kRows][kVectors];
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = V(T{0});
    const T* w = weights;
    for (std::size_t k = 0; k < count; ++k, w += kRows) {
      const T* place = x + offsets[k] + i;
      V row[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) row[v] = V::load_unaligned(place + v * V::size);
      for (std::size_t r = 0; r < kRows; ++r) {
        const V weight(w[r]);
        for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = xsimd::fma(weight, row[v], sum[r][v]);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v].store_unaligned(y + r * y_stride + i + v * V::size);
  }
}

/// Makes the compiler read v once: it would rather read memory again for every use of v than keep it in a register.
template <class T> void read_once([[maybe_unused]] Batch<T>& v) {
#ifdef __x86_64__
  asm("" : "+v"(v.data));
#endif
}

/// sum[r][j] = lane by lane, g[r, i] place[j][i] summed over the whole vectors of [0, n). A function of its own, for
/// the compiler must have every register for this loop.
template <class T>
[[gnu::noinline]] void shifted_dot_vectors(const T* g, std::size_t g_stride, const T* const* place, std::size_t n,
                                           Batch<T> (*result)[kShiftedVectors]) {
  using V = Batch<T>;
  constexpr std::size_t kRows = detail::kShiftedRows;
  V sum[kRows][kShiftedVectors];
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t j = 0; j < kShiftedVectors; ++j) sum[r][j] = V(T{0});
  const T *x0 = place[0], *x1 = place[1], *x2 = place[2];
  for (std::size_t i = 0; i + V::size <= n; i += V::size) {
    V row[kShiftedVectors] = {V::load_unaligned(x0 + i), V::load_unaligned(x1 + i), V::load_unaligned(x2 + i)};
    for (V& v : row) read_once<T>(v);
    for (std::size_t r = 0; r < kRows; ++r) {
      V gradient = V::load_unaligned(g + r * g_stride + i);
      read_once<T>(gradient);
      for (std::size_t j = 0; j < kShiftedVectors; ++j) sum[r][j] = xsimd::fma(gradient, row[j], sum[r][j]);
    }
  }
  for (std::size_t r = 0; r < kRows; ++r)
    for (std::size_t j = 0; j < kShiftedVectors; ++j) result[r][j] = sum[r][j];
}

/// sums[k * kShiftedRows + r] += sum over i < n of g[r, i] x[offsets[k] + i]; n is at least V::size.
template <class T>
[[gnu::flatten]] void shifted_dot_products(const T* g, std::size_t g_stride, const T* x, const std::ptrdiff_t* offsets,
                                           std::size_t count, std::size_t n, double* sums) {
  using V = Batch<T>;
  constexpr std::size_t kRows = detail::kShiftedRows, kBlock = 4096;
  alignas(64) T number[V::size];
  for (std::size_t lane = 0; lane < V::size; ++lane) number[lane] = static_cast<T>(lane);
  for (std::size_t start = 0; start < n; start += kBlock) {  // longer sums are collected in double
    const std::size_t end = start + kBlock < n ? start + kBlock : n, rest = (end - start) % V::size;
    // What is left is read as the last whole vector, with what was counted before set to 0.
    const auto counted = V::load_aligned(number) < V(static_cast<T>(V::size - rest));
    for (std::size_t k = 0; k < count; k += kShiftedVectors) {
      const std::size_t some = count - k < kShiftedVectors ? count - k : kShiftedVectors;
      const T* place[kShiftedVectors];
      for (std::size_t j = 0; j < kShiftedVectors; ++j) place[j] = x + offsets[j < some ? k + j : k] + start;
      V sum[kRows][kShiftedVectors];
      shifted_dot_vectors(g + start, g_stride, place, end - start, sum);
      if (rest > 0)
        for (std::size_t r = 0; r < kRows; ++r) {
          const std::size_t last = end - start - V::size;
          const V gradient = xsimd::select(counted, V(T{0}), V::load_unaligned(g + r * g_stride + start + last));
          for (std::size_t j = 0; j < some; ++j)
            sum[r][j] = xsimd::fma(gradient, V::load_unaligned(place[j] + last), sum[r][j]);
        }
      for (std::size_t j = 0; j < some; ++j)
        for (std::size_t r = 0; r < kRows; ++r)
          sums[(k + j) * kRows + r] += static_cast<double>(xsimd::hadd(sum[r][j]));
    }
  }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
