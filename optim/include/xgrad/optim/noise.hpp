// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Random numbers for kernels, a tile at a time: the bits of random.hpp, drawn by loops that the compiler vectorises.
#include <numbers>
#include <xsimd/xsimd.hpp>

#include "xgrad/isa.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim::inline XGRAD_ISA::simd {

inline constexpr std::size_t kNoiseTile = 256;  // elements

using Words = xsimd::batch<std::uint64_t>;

/// The products of the low halves of the lanes.
inline Words multiply_halves(const Words& a, const Words& b) {
#if defined(__AVX512F__)
  return _mm512_mul_epu32(a, b);
#elif defined(__AVX2__)
  return _mm256_mul_epu32(a, b);
#elif defined(__SSE2__)
  return _mm_mul_epu32(a, b);
#else
  const Words half(0xffffffff);
  return (a & half) * (b & half);
#endif
}

/// random_bits(key, first) and the next ones in pairs, the first of a pair in the low half; `count` pairs; first is a
/// multiple of 4. Philox 4x32-10 on a register's worth of counters: each word in the low half of a lane, so that a
/// product's high word is a shift away.
template <std::size_t count> void draw_pairs(RandomKey key, std::uint64_t first, std::uint64_t* out) {
  static_assert(count % (2 * Words::size) == 0);
  const Words factors[] = {Words(0xD2511F53), Words(0xCD9E8D57)}, half(0xffffffff);
  constexpr std::uint32_t kKeySteps[] = {0x9E3779B9, 0xBB67AE85};
  constexpr std::size_t kRounds = 10;
  Words keys[2][kRounds];
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    keys[0][round] = Words(static_cast<std::uint32_t>(key.seed) + round * kKeySteps[0]);
    keys[1][round] = Words(static_cast<std::uint32_t>(key.seed >> 32) + round * kKeySteps[1]);
  }
  alignas(64) std::uint64_t lanes[2][Words::size];
  for (std::size_t k = 0; k < Words::size; ++k) lanes[0][k] = first / 4 + k;
  Words counter = Words::load_aligned(lanes[0]);
  for (std::size_t done = 0; done < count; done += 2 * Words::size) {
    Words a = counter, b = counter >> 32, c(key.step), d(key.stream);
    for (std::size_t round = 0; round < kRounds; ++round) {
      const Words x = multiply_halves(factors[0], a), y = multiply_halves(factors[1], c);
      a = (y >> 32) ^ b ^ keys[0][round];
      b = y;
      c = (x >> 32) ^ d ^ keys[1][round];
      d = x;
    }
    Words((a & half) | (b << 32)).store_aligned(lanes[0]);
    Words((c & half) | (d << 32)).store_aligned(lanes[1]);
    for (std::size_t k = 0; k < Words::size; ++k)
      for (std::size_t which = 0; which < 2; ++which) out[done + 2 * k + which] = lanes[which][k];
    counter = counter + Words(Words::size);
  }
}

template <class T> struct NoiseTile { alignas(64) T numbers[kNoiseTile]; };

/// Standard normal numbers for the elements from `first` on, a multiple of 2: functions of the key, the parameter's
/// place and the element's. Elements 2 j and 2 j + 1 are the cosine and the sine of Box and Muller's transform of the
/// words 2 j and 2 j + 1.
template <class T>
[[gnu::noinline]] void draw_normal(RandomKey key, std::uint32_t parameter, std::uint64_t first, NoiseTile<T>& tile) {
  using V = xsimd::batch<T>;
  constexpr std::size_t kPairs = kNoiseTile / 2;
  key.stream += parameter;
  std::uint64_t pairs[kPairs + 2 * Words::size];
  draw_pairs<kPairs + 2 * Words::size>(key, first - first % 4, pairs);
  const std::uint64_t* const pair = pairs + first % 4 / 2;
  alignas(64) T level[kPairs], turn[kPairs];
  for (std::size_t j = 0; j < kPairs; ++j) {
    level[j] = static_cast<T>(static_cast<std::uint32_t>(pair[j])) * T{0x1p-32} + T{0x1p-33};  // in (0, 1]
    turn[j] = static_cast<T>(static_cast<std::uint32_t>(pair[j] >> 32)) * T{0x1p-32};
  }
  for (std::size_t j = 0; j < kPairs; j += V::size) {
    const V radius = xsimd::sqrt(T{-2} * xsimd::log(V::load_aligned(level + j)));
    const auto [sine, cosine] = xsimd::sincos(V(T{2 * std::numbers::pi}) * V::load_aligned(turn + j));
    V(radius * cosine).store_aligned(level + j);
    V(radius * sine).store_aligned(turn + j);
  }
  for (std::size_t j = 0; j < kPairs; ++j) {
    tile.numbers[2 * j] = level[j];
    tile.numbers[2 * j + 1] = turn[j];
  }
}

/// Which lanes are before the n-th.
template <class T> auto lanes_below(std::size_t n) {
  using V = xsimd::batch<T>;
  alignas(64) T places[V::size];
  for (std::size_t k = 0; k < V::size; ++k) places[k] = static_cast<T>(k);
  return V::load_aligned(places) < V(static_cast<T>(n < V::size ? n : V::size));
}

}  // namespace xgrad::optim::inline XGRAD_ISA::simd
