// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Normalisation: of rows (layer norm), and of groups that are made of segments (batch, group and instance norm).
#include "kernels/reduce.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

template <class V> struct Two { V first, second; };

/// Two sums over a row at once, collected in double; f(j, lanes) returns their summands.
template <class T, class F> [[gnu::flatten]] Two<double> row_sums(std::size_t cols, F f) {
  using V = Batch<T>;
  constexpr std::size_t block = 1024;
  Two<double> totals{0, 0};
  for (std::size_t start = 0; start < cols; start += block) {
    const std::size_t end = start + block < cols ? start + block : cols;
    Two<V> sum{V(0), V(0)};
    for (std::size_t j = start; j < end; j += V::size) {
      const std::size_t n = end - j < V::size ? end - j : V::size;
      const Two<V> part = f(j, n);
      sum.first = sum.first + (n == V::size ? part.first : first_lanes(part.first, n));
      sum.second = sum.second + (n == V::size ? part.second : first_lanes(part.second, n));
    }
    totals.first += static_cast<double>(xsimd::hadd(sum.first));
    totals.second += static_cast<double>(xsimd::hadd(sum.second));
  }
  return totals;
}

/// Mean (0 unless `centered`) and biased variance about it of a group of segments, `stride` apart.
template <class T>
void moments(const T* x, std::size_t segments, std::size_t length, std::size_t stride, bool centered, T* mean,
             T* variance) {
  const auto count = static_cast<double>(segments * length);
  double sum = 0, squares = 0;
  if (centered)
    for (std::size_t s = 0; s < segments; ++s) {
      const T* row = x + s * stride;
      sum += static_cast<double>(
          row_sum<T>(length, [row](std::size_t j, std::size_t n) { return load_up_to(row + j, n); }));
    }
  *mean = static_cast<T>(sum / count);
  const Batch<T> center(*mean);
  for (std::size_t s = 0; s < segments; ++s) {
    const T* row = x + s * stride;
    squares += static_cast<double>(row_sum<T>(length, [row, center](std::size_t j, std::size_t n) {
      const Batch<T> d = load_up_to(row + j, n) - center;
      return d * d;
    }));
  }
  *variance = static_cast<T>(squares / count);
}

/// y = (x - mean) scale + shift
template <class T> [[gnu::flatten]] void normalize_segment(const T* x, T* y, std::size_t n, T mean, T scale, T shift) {
  const Batch<T> center(mean), factor(scale), offset(shift);
  for_columns<T>(n, [&](std::size_t j, std::size_t lanes) {
    store_up_to(y + j, Batch<T>((load_up_to(x + j, lanes) - center) * factor + offset), lanes);
  });
}

/// sums = {sum of g, sum of g (x - mean)}
template <class T> void segment_gradient_sums(const T* x, const T* g, std::size_t n, T mean, double* sums) {
  const Batch<T> center(mean);
  const auto both = row_sums<T>(n, [&](std::size_t j, std::size_t lanes) {
    const Batch<T> gradient = load_up_to(g + j, lanes);
    return Two<Batch<T>>{gradient, Batch<T>(gradient * (load_up_to(x + j, lanes) - center))};
  });
  sums[0] = both.first;
  sums[1] = both.second;
}

/// dx = a g + b (x - mean) + c
template <class T>
[[gnu::flatten]] void normalize_segment_backward(const T* x, const T* g, T* dx, std::size_t n, T mean, T a, T b, T c) {
  const Batch<T> center(mean), of_g(a), of_x(b), offset(c);
  for_columns<T>(n, [&](std::size_t j, std::size_t lanes) {
    store_up_to(dx + j, Batch<T>(load_up_to(g + j, lanes) * of_g + (load_up_to(x + j, lanes) - center) * of_x + offset),
                lanes);
  });
}

/// y = (x - mean) rstd weight + bias along each row, rstd = 1 / sqrt(variance + eps); weight and bias may be null.
template <class T>
[[gnu::flatten]] void normalize_rows(const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd,
                                     std::size_t rows, std::size_t cols, double eps, bool centered) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, y += cols) {
    T variance;
    moments(x, 1, cols, cols, centered, mean + r, &variance);
    rstd[r] = static_cast<T>(1 / __builtin_sqrt(static_cast<double>(variance) + eps));
    const Batch<T> center(mean[r]), factor(rstd[r]);
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      Batch<T> v = (load_up_to(x + j, n) - center) * factor;
      if (weight) v = v * load_up_to(weight + j, n);
      if (bias) v = v + load_up_to(bias + j, n);
      store_up_to(y + j, v, n);
    });
  }
}

/// The gradients of normalize_rows. dweight and dbias are added to; they and dx are left out if null.
template <class T>
[[gnu::flatten]] void normalize_rows_backward(const T* x, const T* g, const T* weight, const T* mean, const T* rstd,
                                              T* dx, T* dweight, T* dbias, std::size_t rows, std::size_t cols,
                                              bool centered) {
  const double count = static_cast<double>(cols);
  for (std::size_t r = 0; r < rows; ++r, x += cols, g += cols) {
    const Batch<T> center(mean[r]), factor(rstd[r]);
    const auto weighted = [&](std::size_t j, std::size_t n) {
      const Batch<T> gradient = load_up_to(g + j, n);
      return weight ? gradient * load_up_to(weight + j, n) : gradient;
    };
    const auto normal = [&](std::size_t j, std::size_t n) { return (load_up_to(x + j, n) - center) * factor; };
    if (dx) {
      const auto sums = row_sums<T>(cols, [&](std::size_t j, std::size_t n) {
        const Batch<T> h = weighted(j, n);
        return Two<Batch<T>>{h, Batch<T>(h * normal(j, n))};
      });
      const Batch<T> mean_h(static_cast<T>(centered ? sums.first / count : 0)),
          mean_hx(static_cast<T>(sums.second / count));
      for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
        store_up_to(dx + r * cols + j, Batch<T>((weighted(j, n) - mean_h - normal(j, n) * mean_hx) * factor), n);
      });
    }
    if (!dweight && !dbias) continue;
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      const Batch<T> gradient = load_up_to(g + j, n);
      if (dweight) store_up_to(dweight + j, Batch<T>(load_up_to(dweight + j, n) + gradient * normal(j, n)), n);
      if (dbias) store_up_to(dbias + j, Batch<T>(load_up_to(dbias + j, n) + gradient), n);
    });
  }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
