// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Sums, products and extremes along rows or down columns.
#include "kernels/kernels.hpp"
#include "kernels/linear.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

template <class T> constexpr T infinity() { return static_cast<T>(__builtin_inf()); }

// What is reduced: a start that changes nothing, what is done to each element first, how two results become one.

template <class T> struct SumOf {
  static constexpr T start = 0;
  Batch<T> map(Batch<T> x) const { return x; }
  static Batch<T> combine(Batch<T> a, Batch<T> b) { return a + b; }
  T map_one(T x) const { return x; }
  static T combine_one(T a, T b) { return a + b; }
};
/// Of (x - shift)^2.
template <class T> struct SquareSumOf {
  static constexpr T start = 0;
  T shift;
  Batch<T> map(Batch<T> x) const {
    const Batch<T> d = x - Batch<T>(shift);
    return d * d;
  }
  static Batch<T> combine(Batch<T> a, Batch<T> b) { return a + b; }
  T map_one(T x) const { return (x - shift) * (x - shift); }
  static T combine_one(T a, T b) { return a + b; }
};
template <class T> struct ProductOf {
  static constexpr T start = 1;
  Batch<T> map(Batch<T> x) const { return x; }
  static Batch<T> combine(Batch<T> a, Batch<T> b) { return a * b; }
  T map_one(T x) const { return x; }
  static T combine_one(T a, T b) { return a * b; }
};
/// A NaN wins.
template <class T> struct MaximumOf {
  static constexpr T start = -infinity<T>();
  Batch<T> map(Batch<T> x) const { return x; }
  static Batch<T> combine(Batch<T> a, Batch<T> b) { return maximum_function{}.value(a, b); }
  T map_one(T x) const { return x; }
  static T combine_one(T a, T b) { return a != a || b <= a ? a : b; }
};
template <class T> struct MinimumOf {
  static constexpr T start = infinity<T>();
  Batch<T> map(Batch<T> x) const { return x; }
  static Batch<T> combine(Batch<T> a, Batch<T> b) { return minimum_function{}.value(a, b); }
  T map_one(T x) const { return x; }
  static T combine_one(T a, T b) { return a != a || b >= a ? a : b; }
};
template <class R> inline constexpr bool is_sum = false;
template <class T> inline constexpr bool is_sum<SumOf<T>> = true;
template <class T> inline constexpr bool is_sum<SquareSumOf<T>> = true;

/// v with everything past its first n lanes replaced by `fill`.
template <class T> Batch<T> first_lanes_or(Batch<T> v, std::size_t n, T fill) {
  alignas(64) T lane[Batch<T>::size];
  for (std::size_t i = 0; i < Batch<T>::size; ++i) lane[i] = static_cast<T>(i);
  return xsimd::select(Batch<T>::load_aligned(lane) < Batch<T>(static_cast<T>(n)), v, Batch<T>(fill));
}

/// The lanes of v become one.
template <class R, class T> T across(Batch<T> v) {
  if constexpr (is_sum<R>) {
    return xsimd::hadd(v);
  } else {
    constexpr std::size_t width = Batch<T>::size;
    alignas(64) T lanes[2 * width];  // the upper part only keeps loads inside
    v.store_aligned(lanes);
    Batch<T>(R::start).store_aligned(lanes + width);
    for (std::size_t half = width / 2; half > 0; half /= 2) {
      v = R::combine(v, Batch<T>::load_unaligned(lanes + half));
      v.store_aligned(lanes);
    }
    return lanes[0];
  }
}

/// Four accumulators hide the latency of the additions.
template <class T, class R> T reduce_block(R reducer, const T* x, std::size_t n) {
  using V = Batch<T>;
  const auto at = [&](std::size_t i) { return reducer.map(V::load_unaligned(x + i)); };
  V a(R::start), b(R::start), c(R::start), d(R::start);
  std::size_t i = 0;
  for (; i + 4 * V::size <= n; i += 4 * V::size) {
    a = R::combine(a, at(i));
    b = R::combine(b, at(i + V::size));
    c = R::combine(c, at(i + 2 * V::size));
    d = R::combine(d, at(i + 3 * V::size));
  }
  for (; i + V::size <= n; i += V::size) a = R::combine(a, at(i));
  if (const std::size_t rest = n - i)
    b = R::combine(b, first_lanes_or<T>(reducer.map(load_tail(x + i, rest)), rest, R::start));
  return across<R, T>(R::combine(R::combine(a, b), R::combine(c, d)));
}

template <class T, class R> [[gnu::flatten]] T reduce_row(R reducer, const T* x, std::size_t cols) {
  if (cols < Batch<T>::size) {  // too short for vectors: the processor overlaps the rows
    T result = R::start;
    for (std::size_t j = 0; j < cols; ++j) result = R::combine_one(result, reducer.map_one(x[j]));
    return result;
  }
  if constexpr (is_sum<R>) {
    constexpr std::size_t block = 1024;  // sums of longer rows are collected in double
    if (cols <= block) return reduce_block(reducer, x, cols);
    double total = 0;
    for (std::size_t first = 0; first < cols; first += block)
      total += static_cast<double>(reduce_block(reducer, x + first, cols - first < block ? cols - first : block));
    return static_cast<T>(total);
  } else {
    return reduce_block(reducer, x, cols);
  }
}

/// The largest element of a row; a NaN wins.
template <class T> T row_maximum(const T* x, std::size_t cols) { return reduce_row<T>(MaximumOf<T>{}, x, cols); }

/// y_j = all x_rj. Four rows at a time, so that y is read and written once for them.
template <class T, class R, class At>
[[gnu::flatten]] void reduce_columns_of(At at, T* y, std::size_t rows, std::size_t cols) {
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4)
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      const Batch<T> four =
          R::combine(R::combine(at(r, j, n), at(r + 1, j, n)), R::combine(at(r + 2, j, n), at(r + 3, j, n)));
      store_up_to(y + j, r == 0 ? four : R::combine(load_up_to(y + j, n), four), n);
    });
  for (; r < rows; ++r)
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      const Batch<T> one = at(r, j, n);
      store_up_to(y + j, r == 0 ? one : R::combine(load_up_to(y + j, n), one), n);
    });
}

template <class T>
void reduce_rows(detail::Reducer reducer, const T* x, const T* shift, T* y, std::size_t rows, std::size_t cols) {
  const auto run = [&](auto make) {
    for (std::size_t r = 0; r < rows; ++r) y[r] = reduce_row<T>(make(r), x + r * cols, cols);
  };
  switch (reducer) {
    case detail::Reducer::sum: return run([](std::size_t) { return SumOf<T>{}; });
    case detail::Reducer::square_sum:
      return run([&](std::size_t r) { return SquareSumOf<T>{shift ? shift[r] : T{0}}; });
    case detail::Reducer::product: return run([](std::size_t) { return ProductOf<T>{}; });
    case detail::Reducer::maximum: return run([](std::size_t) { return MaximumOf<T>{}; });
    case detail::Reducer::minimum: return run([](std::size_t) { return MinimumOf<T>{}; });
  }
}

template <class T>
void reduce_columns(detail::Reducer reducer, const T* x, std::size_t stride, const T* shift, T* y, std::size_t rows,
                    std::size_t cols) {
  const auto plain = [&](std::size_t r, std::size_t j, std::size_t n) { return load_up_to(x + r * stride + j, n); };
  switch (reducer) {
    case detail::Reducer::sum: return reduce_columns_of<T, SumOf<T>>(plain, y, rows, cols);
    case detail::Reducer::square_sum:
      return reduce_columns_of<T, SquareSumOf<T>>(
          [&](std::size_t r, std::size_t j, std::size_t n) {
            const Batch<T> d = shift ? plain(r, j, n) - load_up_to(shift + j, n) : plain(r, j, n);
            return d * d;
          },
          y, rows, cols);
    case detail::Reducer::product: return reduce_columns_of<T, ProductOf<T>>(plain, y, rows, cols);
    case detail::Reducer::maximum: return reduce_columns_of<T, MaximumOf<T>>(plain, y, rows, cols);
    case detail::Reducer::minimum: return reduce_columns_of<T, MinimumOf<T>>(plain, y, rows, cols);
  }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
