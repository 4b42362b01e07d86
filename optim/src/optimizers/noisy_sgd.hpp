// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <numbers>

#include "xgrad/optim/kernel.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Standard normal numbers for the elements from `first` on, an even place: the number of an element depends on key and
/// place only. Elements 2 j and 2 j + 1 are the cosine and the sine of Box and Muller's transform of words 2 j, 2 j
/// + 1.
template <class V> V normal_batch(RandomKey key, std::uint64_t first) {
  using T = typename V::value_type;
  std::uint32_t words[V::size];
  random_bits(key, first, words, V::size);
  alignas(64) T level[V::size], turn[V::size];
  for (std::size_t i = 0; i < V::size; ++i) {
    level[i] = static_cast<T>(words[i & ~std::size_t{1}]) * T{0x1p-32} + T{0x1p-33};  // in (0, 1]
    turn[i] = static_cast<T>(words[i | 1]) * T{0x1p-32} - (i % 2 == 0 ? T{0} : T{0.25});
  }
  return sqrt(T{-2} * log(V::load_aligned(level))) * cos(T{2 * std::numbers::pi} * V::load_aligned(turn));
}

/// p -= lr (g + N(0, 1) sqrt(eta / t^gamma)). The noise is a function of seed, parameter, step and element.
struct NoisySgd {
  double lr = 1e-3, eta = 0.01, gamma = 0.55;
  std::int64_t seed = 0;
  static constexpr const char* name = "noisy_sgd";
  static constexpr About about{"SGD with gradient noise that dies away", "Neelakantan et al. 2015, arXiv:1511.06807"};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("eta", eta, range::nonnegative, "variance of the noise at the first step");
    f("gamma", gamma, range::nonnegative, "power of the step that the variance decays with");
    f("seed", seed, range::nonnegative, "of the noise");
  }
  auto step(Now now) const {
    return [*this, deviation = std::sqrt(eta / std::pow(now.t, gamma)), t = now.t](Position at, auto& p, auto g) {
      const RandomKey key{static_cast<std::uint64_t>(seed), RandomStream::noise + at.parameter,
                          static_cast<std::uint32_t>(t)};
      p -= lr * (g + deviation * normal_batch<decltype(g)>(key, at.element));
    };
  }
};

using noisy_sgd = Family<NoisySgd>;

}  // namespace xgrad::optim::inline XGRAD_ISA
