// SPDX-License-Identifier: BSD-3-Clause
// From stored numbers to those of a kernel and back, for one instruction set: loops without tables and
// branches, that the compiler vectorises.
#include "xgrad/map_kernel.hpp"
#include "xgrad/optim/noise.hpp"
#include "xgrad/optim/rule.hpp"
#include "xgrad/optim/state.hpp"

namespace xgrad::optim::inline XGRAD_ISA {
#include "optimizers/isa_rules.hpp"

namespace codec {

/// condition ? a : b without a branch, which the compiler would otherwise make of it before it vectorises.
template <class I> I choose(bool condition, I a, I b) {
  const I mask = static_cast<I>(-static_cast<I>(condition));
  return (a & mask) | (b & ~mask);
}

inline std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
inline float from_bits(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

// ---- bfloat16: the upper half of a float

template <class T> void decode_bfloat16(const std::uint16_t* from, std::size_t n, T* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<T>(from_bits(std::uint32_t{from[i]} << 16));
}

/// Rounds up with the probability that the lower half is of 1: it carries when 16 random bits are added.
template <class T>
void encode_bfloat16(const T* from, std::size_t n, std::uint16_t* to, RandomKey key, std::uint64_t first) {
  std::uint64_t drawn[kStateTile / 4];
  std::uint16_t random[kStateTile];
  simd::draw_pairs<kStateTile / 4>(key, first / 2, drawn);
  static_assert(sizeof drawn == sizeof random);
  __builtin_memcpy(random, drawn, sizeof random);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(static_cast<float>(from[i])), magnitude = bits & 0x7fffffff;
    const std::uint32_t quiet = choose(magnitude > 0x7f800000, 0x400000u, 0u);  // a NaN stays one
    const std::uint32_t rounded = bits + random[i], kept = bits | quiet;
    to[i] = static_cast<std::uint16_t>(choose(magnitude < 0x7f800000, rounded, kept) >> 16);
  }
}

// ---- 8 bits

/// The dynamic map: 0, 1, and in each of the seven decades below 1 the midpoints of 2^e equal parts (unsigned: of
/// 2^(e+1)), e = 0 ... 6. Among the entries that are not negative an entry's rank, as a function of its value, is
/// therefore the least of seven lines, and its value, as a function of its rank, the greatest of seven.
template <bool is_signed> struct DynamicMap {
  static constexpr int kDecades = 7;
  static constexpr int kTop = is_signed ? 128 : 255;  ///< the rank of 1
  float slope[kDecades], offset[kDecades], width[kDecades], start[kDecades];

  constexpr DynamicMap() : slope(), offset(), width(), start() {
    double scale = 1e-6, rank = 1;
    for (int e = 0; e < kDecades; ++e) {
      const double parts = static_cast<double>(is_signed ? 1 << e : 2 << e), part = 0.9 / parts * scale;
      slope[e] = static_cast<float>(1 / part);
      offset[e] = static_cast<float>(rank - 0.1 * scale / part);
      width[e] = static_cast<float>(part);
      start[e] = static_cast<float>(0.1 * scale - (rank - 0.5) * part);
      rank += parts;
      scale *= 10;
    }
  }
  /// Of the entry nearest to 0 <= y <= 1.
  int rank(float y) const {
    float line = slope[0] * y + offset[0];
    for (int e = 1; e < kDecades; ++e) {
      const float other = slope[e] * y + offset[e];
      line = other < line ? other : line;
    }
    const int below = static_cast<int>(line);
    // A decade's first entry begins a fifth of a part late: the parts of the decade before are that much smaller.
    const int first = (is_signed ? below & (below - 1) : below & (below + 1)) == 0;
    const int nearest = below - (first & static_cast<int>(line - static_cast<float>(below) < 0.2f));
    return choose(line >= static_cast<float>(kTop) - 0.25f, kTop, nearest);
  }
  float value(int rank) const {
    const auto place = static_cast<float>(rank);
    float y = 0;
    for (int e = 0; e < kDecades; ++e) {
      const float line = width[e] * place + start[e];
      y = line > y ? line : y;
    }
    return y < 1 ? y : 1;
  }
};
template <bool is_signed> inline constexpr DynamicMap<is_signed> kMap{};
constexpr int kZero = 127;  // the code of 0 in the signed map: entries in ascending order

template <class T> void decode_block(const std::uint8_t* from, std::size_t n, float scale, T* to) {
  if (scale < 0)
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<T>(kMap<false>.value(from[i]) * -scale);
  else
    for (std::size_t i = 0; i < n; ++i) {
      const int signed_rank = from[i] - kZero;
      const float y = kMap<true>.value(signed_rank < 0 ? -signed_rank : signed_rank);
      to[i] = static_cast<T>((signed_rank < 0 ? -y : y) * scale);
    }
}

/// Returns the scale. A NaN or an infinity takes its block with it, where it is seen; numbers below the smallest normal
/// one count as 0.
template <class T> float encode_block(const T* from, std::size_t n, std::uint8_t* to) {
  std::int32_t largest = 0;
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(static_cast<float>(from[i]));
    const auto magnitude = static_cast<std::int32_t>(bits & 0x7fffffff);
    largest = magnitude > largest ? magnitude : largest;
    all |= bits;
  }
  const bool is_finite = largest < 0x7f800000, is_zero = largest < 0x00800000;
  if (!is_finite || is_zero) {
    __builtin_memset(to, is_zero ? kZero : kZero + DynamicMap<true>::kTop, n);
    return is_zero ? 0 : from_bits(static_cast<std::uint32_t>(largest));
  }
  const float scale = from_bits(static_cast<std::uint32_t>(largest)), inverse = 1 / scale;
  if (all >> 31) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto x = static_cast<float>(from[i]);
      const int rank = kMap<true>.rank((x < 0 ? -x : x) * inverse);
      const int up = kZero + rank, down = kZero - choose(rank < kZero, rank, kZero);  // no -1
      to[i] = static_cast<std::uint8_t>(choose(x < 0, down, up));
    }
    return scale;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = static_cast<float>(from[i]);
    const int rank = kMap<false>.rank(x * inverse);
    to[i] = static_cast<std::uint8_t>(rank + (static_cast<int>(rank == 0) & static_cast<int>(x > 0)));
  }
  return -scale;
}

}  // namespace codec

template <class T> void decode_state(const SlotPlace& place, std::size_t first, std::size_t n, T* to) {
  if (place.format == StateFormat::bfloat16)
    return codec::decode_bfloat16(static_cast<const std::uint16_t*>(place.numbers) + first, n, to);
  for (std::size_t i = 0; i < n; i += kStateBlock)
    codec::decode_block(static_cast<const std::uint8_t*>(place.numbers) + first + i,
                        n - i < kStateBlock ? n - i : kStateBlock, place.scales[(first + i) / kStateBlock], to + i);
}

template <class T>
void encode_state(const SlotPlace& place, std::size_t first, std::size_t n, const T* from, RandomKey key,
                  std::uint64_t draw) {
  if (place.format == StateFormat::bfloat16)
    return codec::encode_bfloat16(from, n, static_cast<std::uint16_t*>(place.numbers) + first, key, draw + first);
  for (std::size_t i = 0; i < n; i += kStateBlock)
    place.scales[(first + i) / kStateBlock] = codec::encode_block(
        from + i, n - i < kStateBlock ? n - i : kStateBlock, static_cast<std::uint8_t*>(place.numbers) + first + i);
}

#define XGRAD_INSTANTIATE(T)                                                  \
  template void decode_state(const SlotPlace&, std::size_t, std::size_t, T*); \
  template void encode_state(const SlotPlace&, std::size_t, std::size_t, const T*, RandomKey, std::uint64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim::inline XGRAD_ISA
