// SPDX-License-Identifier: BSD-3-Clause
// Compiled for this machine, as a floor should be. Sizes are multiples of the vector width: no tails.
#include <xsimd/xsimd.hpp>

#include "floor.hpp"

namespace xgrad::bench::floor {
namespace {

using V = xsimd::batch<float>;
V load(const float* p) { return V::load_unaligned(p); }

/// Calls f(i) for the start of each vector in [0, n).
template <class F> void vectors(std::size_t n, F f) {
  for (std::size_t i = 0; i < n; i += V::size) f(i);
}

/// The sum of f(i) over a row, by four accumulators.
template <class F> float sum_of(std::size_t n, F f) {
  V sums[4] = {V(0), V(0), V(0), V(0)};
  std::size_t i = 0;
  for (; i + 4 * V::size <= n; i += 4 * V::size)
    for (std::size_t k = 0; k < 4; ++k) sums[k] = sums[k] + f(i + k * V::size);
  for (; i < n; i += V::size) sums[0] = sums[0] + f(i);
  return xsimd::hadd((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace

void add(const float* a, const float* b, float* y, Size size) {
  vectors(size.count(), [=](std::size_t i) { (load(a + i) + load(b + i)).store_unaligned(y + i); });
}

void mul(const float* a, const float* b, float* y, Size size) {
  vectors(size.count(), [=](std::size_t i) { (load(a + i) * load(b + i)).store_unaligned(y + i); });
}

void mul_row(const float* a, const float* row, float* y, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, a += size.cols, y += size.cols)
    vectors(size.cols, [=](std::size_t i) { (load(a + i) * load(row + i)).store_unaligned(y + i); });
}

void mul_column(const float* a, const float* column, float* y, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, a += size.cols, y += size.cols) {
    const V factor(column[r]);
    vectors(size.cols, [=](std::size_t i) { (load(a + i) * factor).store_unaligned(y + i); });
  }
}

void exp(const float* x, float* y, Size size) {
  vectors(size.count(), [=](std::size_t i) { xsimd::exp(load(x + i)).store_unaligned(y + i); });
}

void gelu(const float* x, float* y, Size size) {
  vectors(size.count(), [=](std::size_t i) {
    const V v = load(x + i);
    (V(0.5f) * v * xsimd::erfc(v * V(-0.70710678f))).store_unaligned(y + i);
  });
}

float sum_all(const float* x, Size size) {
  constexpr std::size_t kBlock = 4096;
  double total = 0;
  for (std::size_t start = 0; start < size.count(); start += kBlock) {
    const std::size_t n = size.count() - start < kBlock ? size.count() - start : kBlock;
    total += static_cast<double>(sum_of(n, [=](std::size_t i) { return load(x + start + i); }));
  }
  return static_cast<float>(total);
}

void sum_rows(const float* x, float* y, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, x += size.cols)
    y[r] = sum_of(size.cols, [=](std::size_t i) { return load(x + i); });
}

void sum_columns(const float* x, float* y, Size size) {
  for (std::size_t i = 0; i < size.cols; ++i) y[i] = 0;
  for (std::size_t r = 0; r < size.rows; ++r, x += size.cols)
    vectors(size.cols, [=](std::size_t i) { (load(y + i) + load(x + i)).store_unaligned(y + i); });
}

void softmax(const float* x, float* y, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, x += size.cols, y += size.cols) {
    V largest = load(x);
    vectors(size.cols, [&](std::size_t i) { largest = xsimd::max(largest, load(x + i)); });
    float lanes[V::size], most = 0;
    largest.store_unaligned(lanes);
    most = lanes[0];
    for (const float lane : lanes) most = lane > most ? lane : most;
    const float total = sum_of(size.cols, [=](std::size_t i) {
      const V e = xsimd::exp(load(x + i) - V(most));
      e.store_unaligned(y + i);
      return e;
    });
    const V scale(1 / total);
    vectors(size.cols, [=](std::size_t i) { (load(y + i) * scale).store_unaligned(y + i); });
  }
}

void mul_backward(const float* a, const float* b, const float* g, float* da, float* db, Size size) {
  vectors(size.count(), [=](std::size_t i) {
    const V v = load(g + i);
    (v * load(b + i)).store_unaligned(da + i);
    (v * load(a + i)).store_unaligned(db + i);
  });
}

void mul_row_backward(const float* a, const float* row, const float* g, float* da, float* drow, Size size) {
  for (std::size_t i = 0; i < size.cols; ++i) drow[i] = 0;
  for (std::size_t r = 0; r < size.rows; ++r, a += size.cols, g += size.cols, da += size.cols)
    vectors(size.cols, [=](std::size_t i) {
      const V v = load(g + i);
      (v * load(row + i)).store_unaligned(da + i);
      (load(drow + i) + v * load(a + i)).store_unaligned(drow + i);
    });
}

void mul_column_backward(const float* a, const float* column, const float* g, float* da, float* dcolumn, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, a += size.cols, g += size.cols, da += size.cols) {
    const V factor(column[r]);
    dcolumn[r] = sum_of(size.cols, [=](std::size_t i) {
      const V v = load(g + i);
      (v * factor).store_unaligned(da + i);
      return v * load(a + i);
    });
  }
}

void exp_backward(const float* y, const float* g, float* dx, Size size) {
  vectors(size.count(), [=](std::size_t i) { (load(y + i) * load(g + i)).store_unaligned(dx + i); });
}

void gelu_backward(const float* x, const float* g, float* dx, Size size) {
  vectors(size.count(), [=](std::size_t i) {
    const V v = load(x + i);
    const V slope = V(0.5f) * xsimd::erfc(v * V(-0.70710678f)) + V(0.39894228f) * v * xsimd::exp(V(-0.5f) * v * v);
    (slope * load(g + i)).store_unaligned(dx + i);
  });
}

void sum_all_backward(float g, float* dx, Size size) {
  vectors(size.count(), [=](std::size_t i) { V(g).store_unaligned(dx + i); });
}

void sum_rows_backward(const float* g, float* dx, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, dx += size.cols) sum_all_backward(g[r], dx, {1, size.cols});
}

void sum_columns_backward(const float* g, float* dx, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, dx += size.cols)
    vectors(size.cols, [=](std::size_t i) { load(g + i).store_unaligned(dx + i); });
}

void softmax_backward(const float* y, const float* g, float* dx, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r, y += size.cols, g += size.cols, dx += size.cols) {
    const V dot(sum_of(size.cols, [=](std::size_t i) { return load(y + i) * load(g + i); }));
    vectors(size.cols, [=](std::size_t i) { (load(y + i) * (load(g + i) - dot)).store_unaligned(dx + i); });
  }
}

}  // namespace xgrad::bench::floor
