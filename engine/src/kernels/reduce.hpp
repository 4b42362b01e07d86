// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The softmax family and losses, along rows. x is rows x cols, contiguous.
#include "kernels/kernels.hpp"
#include "kernels/linear.hpp"
#include "kernels/reducers.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

/// y_j = exp(x_j - shift) if y is given; returns their sum.
template <class T> [[gnu::flatten]] T row_exp_sum(const T* x, T shift, std::size_t cols, T* y) {
  using V = Batch<T>;
  constexpr std::size_t block = 1024;  // sums of longer rows are collected in double
  double total = 0;
  for (std::size_t start = 0; start < cols; start += block) {
    const std::size_t end = start + block < cols ? start + block : cols;
    V sum(0);
    std::size_t j = start;
    for (; j + V::size <= end; j += V::size) {
      const V e = xsimd::exp(V::load_unaligned(x + j) - V(shift));
      if (y) e.store_unaligned(y + j);
      sum = sum + e;
    }
    if (const std::size_t n = end - j) {
      const V e = xsimd::exp(load_tail(x + j, n) - V(shift));
      if (y) store_tail(y + j, e, n);
      sum = sum + first_lanes(e, n);
    }
    total += static_cast<double>(xsimd::hadd(sum));
  }
  return static_cast<T>(total);
}

/// Sum of f(j, lanes) over a row.
template <class T, class F> [[gnu::flatten]] T row_sum(std::size_t cols, F f) {
  using V = Batch<T>;
  constexpr std::size_t block = 1024;
  double total = 0;
  for (std::size_t start = 0; start < cols; start += block) {
    const std::size_t end = start + block < cols ? start + block : cols, n = end - start, tail = n % V::size;
    V sum = sum_vectors<T>(n, [&](std::size_t j) { return f(start + j, V::size); });
    if (tail > 0) sum = sum + first_lanes(V(f(end - tail, tail)), tail);
    total += static_cast<double>(xsimd::hadd(sum));
  }
  return static_cast<T>(total);
}

template <class T> void logsumexp_rows(const T* x, T* y, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r) {
    const T largest = row_maximum(x + r * cols, cols);
    const T shift = largest - largest == 0 ? largest : T{0};  // not an infinity
    const T sum = row_exp_sum<T>(x + r * cols, shift, cols, nullptr);
    y[r] = largest != largest ? largest : shift + static_cast<T>(__builtin_log(static_cast<double>(sum)));
  }
}

template <class T> [[gnu::flatten]] void softmax_rows(const T* x, T* y, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const T scale = T{1} / row_exp_sum(x, row_maximum(x, cols), cols, y);
    for_columns<T>(
        cols, [&](std::size_t j, std::size_t n) { store_up_to(y + j, Batch<T>(load_up_to(y + j, n) * scale), n); });
  }
}

/// dx = y (g - sum(g y))
template <class T>
[[gnu::flatten]] void softmax_backward_rows(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, y += cols, g += cols, dx += cols) {
    const T dot =
        row_sum<T>(cols, [&](std::size_t j, std::size_t n) { return load_up_to(g + j, n) * load_up_to(y + j, n); });
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      store_up_to(dx + j, Batch<T>(load_up_to(y + j, n) * (load_up_to(g + j, n) - dot)), n);
    });
  }
}

template <class T> [[gnu::flatten]] void log_softmax_rows(const T* x, T* y, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const T largest = row_maximum(x, cols);
    const T shift =
        largest + static_cast<T>(__builtin_log(static_cast<double>(row_exp_sum<T>(x, largest, cols, nullptr))));
    for_columns<T>(
        cols, [&](std::size_t j, std::size_t n) { store_up_to(y + j, Batch<T>(load_up_to(x + j, n) - shift), n); });
  }
}

/// dx = g - exp(y) sum(g)
template <class T>
[[gnu::flatten]] void log_softmax_backward_rows(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, y += cols, g += cols, dx += cols) {
    const T sum = row_sum<T>(cols, [&](std::size_t j, std::size_t n) { return load_up_to(g + j, n); });
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      store_up_to(dx + j, Batch<T>(load_up_to(g + j, n) - xsimd::exp(load_up_to(y + j, n)) * sum), n);
    });
  }
}

/// dx_j = a exp(x_j - lse) - b w_j for one row: what cross entropy's gradient is made of; w may be null (then 1).
template <class T>
[[gnu::flatten]] void cross_entropy_gradient_row(const T* x, T lse, T a, T b, const T* w, T* dx, std::size_t cols) {
  for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
    Batch<T> d = Batch<T>(a) * xsimd::exp(load_up_to(x + j, n) - Batch<T>(lse));
    d = d - (w ? load_up_to(w + j, n) * b : Batch<T>(b));
    store_up_to(dx + j, d, n);
  });
}

/// Sum of (a - b)^2.
template <class T> T squared_distance(const T* a, const T* b, std::size_t n) {
  return row_sum<T>(n, [&](std::size_t j, std::size_t lanes) {
    const Batch<T> d = load_up_to(a + j, lanes) - load_up_to(b + j, lanes);
    return d * d;
  });
}

/// y = scale (a - b)
template <class T> [[gnu::flatten]] void scaled_difference(const T* a, const T* b, T scale, T* y, std::size_t n) {
  for_columns<T>(n, [&](std::size_t j, std::size_t lanes) {
    store_up_to(y + j, Batch<T>((load_up_to(a + j, lanes) - load_up_to(b + j, lanes)) * scale), lanes);
  });
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
