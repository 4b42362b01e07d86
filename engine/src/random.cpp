// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include "random_block.hpp"
#include "xgrad/nn/init.hpp"

namespace xgrad {
namespace {

__extension__ using Wide = unsigned __int128;

// Two 32-bit words to [0, 1) with 53 bits.
double unit_interval(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>((static_cast<std::uint64_t>(high) << 21) ^ (low >> 11)) * 0x1p-53;
}

constinit thread_local RandomState state{};

}  // namespace

std::uint32_t random_bits(RandomKey key, std::uint64_t index) {
  return detail::random_block(key, index / 4)[index % 4];
}

void random_bits(RandomKey key, std::uint64_t first, std::uint32_t* out, std::size_t n) {
  for (std::size_t done = 0; done < n;) {
    const std::uint64_t index = first + done;
    const auto words = detail::random_block(key, index / 4);
    for (std::size_t word = index % 4; word < 4 && done < n; ++word) out[done++] = words[word];
  }
}

double uniform(RandomKey key, std::uint64_t index) {
  const auto words = detail::random_block(key, index / 2);
  return index % 2 == 0 ? unit_interval(words[0], words[1]) : unit_interval(words[2], words[3]);
}

double normal(RandomKey key, std::uint64_t index) {
  const auto words = detail::random_block(key, index / 2);
  const double radius = std::sqrt(-2 * std::log(1 - unit_interval(words[0], words[1])));  // 1 - u is never 0
  const double angle = 2 * std::numbers::pi * unit_interval(words[2], words[3]);
  return radius * (index % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

std::vector<std::int64_t> permutation(RandomKey key, std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i) {
    const auto words = detail::random_block(key, i);
    const std::uint64_t bits = (static_cast<std::uint64_t>(words[0]) << 32) | words[1];
    // 64 bits times i: the high word is uniform in [0, i) up to a bias below 2^-32 for any array that fits in memory.
    const auto j = static_cast<std::size_t>((static_cast<Wide>(bits) * i) >> 64);
    std::swap(order[i - 1], order[j]);
  }
  return order;
}

void manual_seed(std::uint64_t seed) { state = {seed, 0, 0, 0}; }

RandomState random_state() { return state; }
void set_random_state(const RandomState& now) { state = now; }

void set_random_step(std::uint32_t step) {
  state.step = step;
  state.draws = 0;
}

RandomKey nn::next_init_key() { return {state.seed, RandomStream::initialization + state.parameters++, 0}; }

RandomKey next_random_key() { return {state.seed, RandomStream::dropout + state.draws++, state.step}; }

}  // namespace xgrad
