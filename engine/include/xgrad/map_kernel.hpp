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
#elif defined(__AVX2__)
// Not through memory: a load of what was just stored in parts waits for the stores. A masked store is slow on some
// processors, so the parts are stored one after the other.
inline __m256i first_words(std::size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Batch<float> load_tail(const float* p, std::size_t n) { return _mm256_maskload_ps(p, first_words(n)); }
inline Batch<double> load_tail(const double* p, std::size_t n) { return _mm256_maskload_pd(p, first_words(2 * n)); }
inline void store_tail(float* p, Batch<float> v, std::size_t n) {
  __m128 part = _mm256_castps256_ps128(v);
  if (n & 4) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps(v, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
    part = _mm_movehl_ps(part, part);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, part);
}
inline void store_tail(double* p, Batch<double> v, std::size_t n) {
  __m128d part = _mm256_castpd256_pd128(v);
  if (n & 2) {
    _mm_storeu_pd(p, part);
    part = _mm256_extractf128_pd(v, 1);
    p += 2;
  }
  if (n & 1) _mm_store_sd(p, part);
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

/// The vector of a source at element i.
template <class T> Batch<T> at(const MapSource<T>& source, std::size_t i) {
  return Batch<T>::load_unaligned(source.row + (i & source.mask));
}

/// Room for what an input needs to be read as whole vectors: copies of its one value, or the end of its row.
template <class T> struct Copies {
  alignas(64) T values[Batch<T>::size];

  MapSource<T> start(const typename MapLoop<T>::Input& input, std::size_t r) {
    const T* row = input.data + r * input.row_stride;
    if (input.varies) return {row, ~std::size_t{0}};
    Batch<T>(*row).store_aligned(values);
    return {values, 0};
  }
  /// The n elements at the source, made a whole vector.
  void pad(MapSource<T>& source, std::size_t n) {
    if (!source.mask) return;
    load_tail(source.row, n).store_aligned(values);
    source.row = values;
  }
};

// What broadcasting needs, and the ends of rows, is shared by all functions and goes by way of small buffers. flatten:
// unless everything is inlined, duals travel through memory and backward is 4 to 20 times slower. The sources are
// copied into registers: a store might change what stands in memory.

template <class T, class F, std::size_t... K>
[[gnu::flatten, gnu::noinline]] void forward_vectors(const void* function, const MapSource<T>* x, T* out,
                                                     std::size_t n) {
  using V = Batch<T>;
  const F f = *static_cast<const F*>(function);
  const MapSource<T> from[] = {x[K]...};
  for (std::size_t i = 0; i < n; i += V::size)
    map_value<V>(f, std::array<V, sizeof...(K)>{at(from[K], i)...}, std::index_sequence<K...>{})
        .store_unaligned(out + i);
}

template <class T, class F, std::size_t... K>
[[gnu::flatten, gnu::noinline]] void backward_vectors(const void* function, const MapSource<T>* x,
                                                      const T* out_gradient, T* const* parts, std::size_t n) {
  using V = Batch<T>;
  const F f = *static_cast<const F*>(function);
  const MapSource<T> from[] = {x[K]...};
  T* const to[] = {parts[K]...};
  for (std::size_t i = 0; i < n; i += V::size) {
    const V scale = V::load_unaligned(out_gradient + i);
    const auto d = partials<V>(f, std::array<V, sizeof...(K)>{at(from[K], i)...}, std::index_sequence<K...>{});
    ((d[K] * scale).store_unaligned(to[K] + i), ...);
  }
}

/// n results, of which the last ones, fewer than a vector, go by way of copies.
template <class T>
void forward_exactly(ForwardVectors<T>* vectors, const void* f, std::size_t count, const MapSource<T>* x, T* out,
                     std::size_t n) {
  const std::size_t last = n % Batch<T>::size, main = n - last;
  if (main > 0) vectors(f, x, out, main);
  if (last == 0) return;
  MapSource<T> ends[kMaxMapInputs];
  Copies<T> copies[kMaxMapInputs];
  for (std::size_t k = 0; k < count; ++k) {
    ends[k] = {x[k].row + (main & x[k].mask), x[k].mask};
    copies[k].pad(ends[k], last);
  }
  alignas(64) T result[Batch<T>::size];
  vectors(f, ends, result, Batch<T>::size);
  store_tail(out + main, Batch<T>::load_aligned(result), last);
}

template <class T>
void forward_row(ForwardVectors<T>* vectors, const void* f, std::size_t count, const MapSource<T>* x, T* out,
                 std::size_t n) {
  constexpr std::size_t lanes = Batch<T>::size;
  if constexpr (lanes * sizeof(T) <= 32)  // Storage::padded()
    vectors(f, x, out, (n + lanes - 1) / lanes * lanes);
  else
    forward_exactly(vectors, f, count, x, out, n);
}

template <class T>
void forward_rows(ForwardVectors<T>* vectors, const void* f, std::size_t count, const MapLoop<T>& loop) {
  MapSource<T> x[kMaxMapInputs];
  Copies<T> copies[kMaxMapInputs];
  for (std::size_t r = 0; r < loop.rows; ++r) {
    for (std::size_t k = 0; k < count; ++k) x[k] = copies[k].start(loop.inputs[k], r);
    forward_exactly(vectors, f, count, x, loop.out + r * loop.row_stride, loop.cols);
  }
}

/// target[i] += x[i]
template <class T> void add_in_place(T* target, const T* x, std::size_t n) {
  using V = Batch<T>;
  std::size_t i = 0;
  for (; i + V::size <= n; i += V::size)
    (V::load_unaligned(target + i) + V::load_unaligned(x + i)).store_unaligned(target + i);
  for (; i < n; ++i) target[i] += x[i];
}

/// The sum of f(i) over the whole vectors of [0, n). Several are in flight, for one alone would wait for its own last
/// step.
template <class T, class F> [[gnu::always_inline]] inline Batch<T> sum_vectors(std::size_t n, F f) {
  using V = Batch<T>;
  V sums[4] = {V(0), V(0), V(0), V(0)};
  std::size_t i = 0;
  for (; i + 4 * V::size <= n; i += 4 * V::size)
    for (std::size_t k = 0; k < 4; ++k) sums[k] = sums[k] + f(i + k * V::size);
  for (; i + V::size <= n; i += V::size) sums[0] = sums[0] + f(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
/// The sum of n elements.
template <class T> T sum_of(const T* x, std::size_t n) {
  Batch<T> sum = sum_vectors<T>(n, [x](std::size_t i) { return Batch<T>::load_unaligned(x + i); });
  if (const std::size_t rest = n % Batch<T>::size) sum = sum + load_tail(x + n - rest, rest);
  return xsimd::hadd(sum);
}

template <class T>
void backward_rows(BackwardVectors<T>* vectors, const void* f, std::size_t count, const MapLoop<T>& loop) {
  using V = Batch<T>;
  constexpr std::size_t kTile = 256;
  MapSource<T> x[kMaxMapInputs];
  Copies<T> copies[kMaxMapInputs];
  alignas(64) T tiles[kMaxMapInputs][kTile];
  T* parts[kMaxMapInputs];
  for (std::size_t r = 0; r < loop.rows; ++r) {
    // A gradient that is laid out as the row and new is written in place; what is to be added up passes through a tile.
    bool in_place[kMaxMapInputs], add[kMaxMapInputs];
    std::size_t step = loop.cols;
    T sums[kMaxMapInputs] = {};
    for (std::size_t k = 0; k < count; ++k) {
      const auto& input = loop.inputs[k];
      x[k] = copies[k].start(input, r);
      add[k] = input.keep || (r > 0 && input.row_stride == 0);
      in_place[k] = input.gradient && input.varies && !add[k];
      if (!in_place[k]) step = kTile;
    }
    const T* g = loop.out_gradient + r * loop.row_stride;
    for (std::size_t i = 0; i < loop.cols;) {
      std::size_t n = step < loop.cols - i ? step : loop.cols - i;
      const bool padded = n < V::size;  // the end of the row
      if (!padded) n -= n % V::size;
      alignas(64) T g_copies[V::size];
      if (padded) load_tail(g + i, n).store_aligned(g_copies);
      for (std::size_t k = 0; k < count; ++k) {
        if (padded) copies[k].pad(x[k], n);
        parts[k] = in_place[k] && !padded ? loop.inputs[k].gradient + r * loop.inputs[k].row_stride + i : tiles[k];
      }
      vectors(f, x, padded ? g_copies : g + i, parts, padded ? V::size : n);
      for (std::size_t k = 0; k < count; ++k) {
        x[k].row += n & x[k].mask;
        if (!loop.inputs[k].gradient) continue;
        if (!loop.inputs[k].varies) {
          // Lanes past the end hold 0 * derivative, which is NaN where the derivative is infinite: n leaves them out.
          sums[k] += sum_of(tiles[k], n);
          continue;
        }
        T* gradient = loop.inputs[k].gradient + r * loop.inputs[k].row_stride + i;
        if (add[k])
          add_in_place(gradient, tiles[k], n);
        else if (padded)
          store_tail(gradient, V::load_aligned(tiles[k]), n);
      }
      i += n;
    }
    for (std::size_t k = 0; k < count; ++k) {
      if (!loop.inputs[k].gradient || loop.inputs[k].varies) continue;
      T& gradient = loop.inputs[k].gradient[r * loop.inputs[k].row_stride];
      gradient = add[k] ? gradient + sums[k] : sums[k];
    }
  }
}

template <class T> inline constexpr MapRows<T> map_rows{&forward_rows<T>, &forward_row<T>, &backward_rows<T>};

template <class T, class F, std::size_t... K> constexpr MapKernel<T> map_kernel_of(std::index_sequence<K...>) {
  return {&forward_vectors<T, F, K...>, &backward_vectors<T, F, K...>, &map_rows<T>};
}

}  // namespace simd

/// The kernel of the function object F on `count` inputs of T, for the instruction set of this file.
template <class T, class F, std::size_t count> constexpr MapKernel<T> make_map_kernel() {
  return simd::map_kernel_of<T, F>(std::make_index_sequence<count>{});
}

}  // namespace xgrad::inline XGRAD_ISA
