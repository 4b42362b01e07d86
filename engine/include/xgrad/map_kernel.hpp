// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The loops of map(): one pass over broadcast inputs, forward and backward, for any lambda. No graph in here.
#include "xgrad/map_loop.hpp"
#include "xgrad/number.hpp"
#include "xgrad/saved.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

template <class T> using Batch = xsimd::batch<T>;

#if defined(__AVX512F__)
inline Batch<float> load_tail(const float* p, std::size_t n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
}
inline Batch<double> load_tail(const double* p, std::size_t n) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p);
}
inline void store_tail(float* p, Batch<float> v, std::size_t n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
}
inline void store_tail(double* p, Batch<double> v, std::size_t n) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1), v);
}
#else
template <class T> Batch<T> load_tail(const T* p, std::size_t n) {
  alignas(64) T buffer[Batch<T>::size] = {};
  for (std::size_t i = 0; i < n; ++i) buffer[i] = p[i];
  return Batch<T>::load_aligned(buffer);
}
template <class T> void store_tail(T* p, Batch<T> v, std::size_t n) {
  alignas(64) T buffer[Batch<T>::size];
  v.store_aligned(buffer);
  for (std::size_t i = 0; i < n; ++i) p[i] = buffer[i];
}
#endif

template <class V, unsigned K, unsigned M> V partial(const Dual<V, M>& y) {
  if constexpr (M >> K & 1u)
    return y.d[y.place(K)];
  else
    return V(0);
}

template <class V, class F, std::size_t... K>
std::array<V, sizeof...(K)> partials_of_lambda(const F& f, const std::array<V, sizeof...(K)>& x,
                                               std::index_sequence<K...>) {
  const auto y = f(Dual<V, 1u << K>{x[K], {V(1)}}...);
  return {partial<V, K>(y)...};
}

/// v with everything past its first n lanes set to 0.
template <class T> Batch<T> first_lanes(Batch<T> v, std::size_t n) {
  alignas(64) T buffer[Batch<T>::size];
  v.store_aligned(buffer);
  return load_tail(buffer, n);
}

/// The partial derivatives of f at x..., one for each input.
template <class V, class F, std::size_t... K>
std::array<V, sizeof...(K)> partials(const F& f, const std::array<V, sizeof...(K)>& x, std::index_sequence<K...>) {
  if constexpr (!requires { requires F::primitive; }) {
    return partials_of_lambda<V>(f, x, std::index_sequence<K...>{});
  } else if constexpr (F::arity == 1) {
    const Plain<V> saved{x[0], {}};  // the input or the output, whichever the derivative is written in
    return {value_of<V>(f.derivative(saved, saved))};
  } else {
    const Plain<V> a{x[0], {}}, b{x[1], {}};
    return {value_of<V>(f.derivative_a(a, b)), value_of<V>(f.derivative_b(a, b))};
  }
}

template <class V, class F, std::size_t... K>
V map_value(const F& f, const std::array<V, sizeof...(K)>& x, std::index_sequence<K...>) {
  if constexpr (requires { f.value(x[K]...); })
    return f.value(x[K]...);
  else
    return value_of<V>(f(Plain<V>{x[K], {}}...));
}

/// Where the columns of a row are read: an input that is constant along the row becomes a register's worth of copies,
/// read again and again (mask 0).
template <class T> struct RowReader {
  alignas(64) T copies[Batch<T>::size];
  const T* row;
  std::size_t mask;

  void start(const typename MapLoop<T>::Input& input, std::size_t r) {
    row = input.data + r * input.row_stride;
    mask = ~std::size_t{0};
    if (input.varies) return;
    Batch<T>(*row).store_aligned(copies);
    row = copies;
    mask = 0;
  }
  Batch<T> at(std::size_t i) const { return Batch<T>::load_unaligned(row + (i & mask)); }
  Batch<T> tail(std::size_t i, std::size_t n) const { return mask ? load_tail(row + i, n) : at(0); }
};

// flatten: unless everything is inlined, duals travel through memory and backward is 4 to 20 times slower.

template <class T, class F, std::size_t... K>
[[gnu::flatten, gnu::noinline]] void forward_rows(const F f, const MapLoop<T>& loop, std::index_sequence<K...> inputs) {
  using V = Batch<T>;
  const std::size_t cols = loop.cols, main = cols - cols % V::size;
  RowReader<T> x[sizeof...(K)];
  for (std::size_t r = 0; r < loop.rows; ++r) {
    (x[K].start(loop.inputs[K], r), ...);
    T* out = loop.out + r * loop.row_stride;
    for (std::size_t i = 0; i < main; i += V::size)
      map_value<V>(f, std::array<V, sizeof...(K)>{x[K].at(i)...}, inputs).store_unaligned(out + i);
    if (const std::size_t n = cols - main)
      store_tail(out + main, map_value<V>(f, std::array<V, sizeof...(K)>{x[K].tail(main, n)...}, inputs), n);
  }
}

template <class T, class F, std::size_t... K>
[[gnu::flatten, gnu::noinline]] void backward_rows(const F f, const MapLoop<T>& loop,
                                                   std::index_sequence<K...> inputs) {
  using V = Batch<T>;
  constexpr std::size_t count = sizeof...(K);
  const std::size_t cols = loop.cols, main = cols - cols % V::size;
  RowReader<T> x[count];
  // The common case: no broadcasting, every gradient wanted and new.
  const bool plain_stores = ((loop.inputs[K].varies && loop.inputs[K].gradient && !loop.inputs[K].keep &&
                              (loop.rows == 1 || loop.inputs[K].row_stride != 0)) &&
                             ...);
  for (std::size_t r = 0; r < loop.rows; ++r) {
    (x[K].start(loop.inputs[K], r), ...);
    const T* g = loop.out_gradient + r * loop.row_stride;
    T* gradient[count] = {
        (loop.inputs[K].gradient ? loop.inputs[K].gradient + r * loop.inputs[K].row_stride : nullptr)...};
    if (plain_stores) {
      for (std::size_t i = 0; i < main; i += V::size) {
        const V scale = V::load_unaligned(g + i);
        const auto d = partials<V>(f, std::array<V, count>{x[K].at(i)...}, inputs);
        ((d[K] * scale).store_unaligned(gradient[K] + i), ...);
      }
      if (const std::size_t n = cols - main) {
        const V scale = load_tail(g + main, n);
        const auto d = partials<V>(f, std::array<V, count>{x[K].tail(main, n)...}, inputs);
        (store_tail(gradient[K] + main, V(d[K] * scale), n), ...);
      }
      continue;
    }
    const bool add[count] = {(loop.inputs[K].keep || (r > 0 && loop.inputs[K].row_stride == 0))...};
    V sum[count] = {(static_cast<void>(K), V(0))...};
    for (std::size_t i = 0; i < cols; i += V::size) {
      const std::size_t n = cols - i < V::size ? cols - i : V::size;
      const bool full = n == V::size;
      const V scale = full ? V::load_unaligned(g + i) : load_tail(g + i, n);
      const auto d = partials<V>(f, std::array<V, count>{(full ? x[K].at(i) : x[K].tail(i, n))...}, inputs);
      const auto deliver = [&](V part, std::size_t k, V& total) {
        if (!gradient[k]) return;
        part = part * scale;
        if (!x[k].mask) {
          // Lanes past the end hold 0 * derivative, which is NaN where the derivative is infinite: leave them out.
          total = total + (full ? part : first_lanes(part, n));
        } else if (full) {
          (add[k] ? V::load_unaligned(gradient[k] + i) + part : part).store_unaligned(gradient[k] + i);
        } else {
          store_tail(gradient[k] + i, V(add[k] ? load_tail(gradient[k] + i, n) + part : part), n);
        }
      };
      (deliver(d[K], K, sum[K]), ...);
    }
    const auto finish = [&](std::size_t k, V total) {
      if (!gradient[k] || x[k].mask) return;
      const T value = xsimd::hadd(total);
      *gradient[k] = add[k] ? *gradient[k] + value : value;
    };
    (finish(K, sum[K]), ...);
  }
}

}  // namespace simd

/// The kernel of the function object F on `count` inputs of T, for the instruction set of this file.
template <class T, class F, std::size_t count> constexpr MapKernel<T> make_map_kernel() {
  return {[](const void* f, const MapLoop<T>& loop) {
            simd::forward_rows(*static_cast<const F*>(f), loop, std::make_index_sequence<count>{});
          },
          [](const void* f, const MapLoop<T>& loop) {
            simd::backward_rows(*static_cast<const F*>(f), loop, std::make_index_sequence<count>{});
          }};
}

}  // namespace xgrad::inline XGRAD_ISA
