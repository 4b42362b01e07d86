// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Windows of a plane: result i reads the elements offsets[k * results + i], one for each cell k of its window. The
// lanes of a block are neighbouring results, so the compiler makes vectors of them.
#include "kernels/kernels.hpp"
#include "xgrad/isa.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

inline constexpr std::size_t kResults = 16;

/// The first largest of the cells of `n` results from `start` on.
template <class T>
[[gnu::always_inline]] inline void largest_of(const T* x, const std::int32_t* offsets, std::size_t cells,
                                              std::size_t results, std::size_t n, T* y, std::int32_t* where) {
  T best[kResults];
  std::int32_t place[kResults];
  for (std::size_t i = 0; i < n; ++i) {
    place[i] = offsets[i];
    best[i] = x[place[i]];
  }
  for (std::size_t k = 1; k < cells; ++k)
    for (std::size_t i = 0; i < n; ++i) {
      const std::int32_t at = offsets[k * results + i];
      const T value = x[at], before = best[i];
      const bool beats = (value > before) | ((value != value) & (before == before));
      best[i] = beats ? value : before;
      place[i] = beats ? at : place[i];
    }
  for (std::size_t i = 0; i < n; ++i) {
    y[i] = best[i];
    where[i] = place[i];
  }
}

/// y[i] = the first largest of its cells, a NaN if there is one; where[i] = its place.
template <class T>
void largest_cells(const T* x, const std::int32_t* offsets, std::size_t cells, std::size_t results, T* y,
                   std::int32_t* where) {
  std::size_t i = 0;
  for (; i + kResults <= results; i += kResults)  // a constant number makes vectors
    largest_of(x, offsets + i, cells, results, kResults, y + i, where + i);
  if (i < results) largest_of(x, offsets + i, cells, results, results - i, y + i, where + i);
}

/// y[i] = the weighted sum of its cells; a cell of weight 0 is not looked at.
template <class T>
void weigh_cells(const T* x, const std::int32_t* offsets, const T* weights, std::size_t cells, std::size_t results,
                 T* y) {
  for (std::size_t start = 0; start < results; start += kResults) {
    const std::size_t n = results - start < kResults ? results - start : kResults;
    T sum[kResults] = {};
    for (std::size_t k = 0; k < cells; ++k)
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t at = k * results + start + i;
        const T weight = weights[at], value = x[offsets[at]];
        sum[i] += weight != 0 ? weight * value : T{0};
      }
    for (std::size_t i = 0; i < n; ++i) y[start + i] = sum[i];
  }
}

/// The reverse: adds weight * g[i] to each cell of result i.
template <class T>
void spread_cells(const T* g, const std::int32_t* offsets, const T* weights, std::size_t cells, std::size_t results,
                  T* x) {
  for (std::size_t k = 0; k < cells; ++k)
    for (std::size_t i = 0; i < results; ++i) {
      const std::size_t at = k * results + i;
      if (weights[at] != 0) x[offsets[at]] += weights[at] * g[i];
    }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
