// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xgrad {

/// Random numbers are pure functions of (seed, stream, step, index) by the counter-based generator Philox 4x32-10
/// (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), so they depend neither on threads nor on order.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;  ///< which use: initialisation, shuffling, dropout, ...
  std::uint32_t step = 0;    ///< the training step or epoch

  bool operator==(const RandomKey&) const = default;
};

/// Streams that xgrad itself uses; a user's own start at RandomStream::user.
struct RandomStream {
  static constexpr std::uint32_t initialization = 1u << 24, shuffle = 2u << 24, split = 3u << 24, dropout = 4u << 24,
                                 synthetic = 5u << 24, noise = 6u << 24, rounding = 7u << 24, user = 128u << 24;
};

/// 32 uniform bits.
std::uint32_t random_bits(RandomKey key, std::uint64_t index);
/// random_bits(key, first), random_bits(key, first + 1), ...: n of them, at a quarter of the work for each.
void random_bits(RandomKey key, std::uint64_t first, std::uint32_t* out, std::size_t n);
/// Uniform in [0, 1) with 53 random bits.
double uniform(RandomKey key, std::uint64_t index);
/// Standard normal, by Box-Muller.
double normal(RandomKey key, std::uint64_t index);
/// A uniformly random order of 0 ... n-1 (Fisher-Yates).
std::vector<std::int64_t> permutation(RandomKey key, std::int64_t n);

/// The key that the next random operation (dropout) of this thread takes. A training loop calls set_random_step at the
/// start of each step; every draw then takes the next stream of that step, so a resumed run repeats the same numbers.
void manual_seed(std::uint64_t seed);
void set_random_step(std::uint32_t step);
RandomKey next_random_key();

/// Where this thread's random operations stand; what is computed again from here draws the same numbers.
struct RandomState {
  std::uint64_t seed = 0;
  std::uint32_t step = 0, draws = 0, parameters = 0;
};
RandomState random_state();
void set_random_state(const RandomState& state);

}  // namespace xgrad
