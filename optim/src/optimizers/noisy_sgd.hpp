// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

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
  RandomKey noise(Now now) const {
    return {static_cast<std::uint64_t>(seed), RandomStream::noise, static_cast<std::uint32_t>(now.t)};
  }
  auto step(Now now) const {
    return [*this, deviation = std::sqrt(eta / std::pow(now.t, gamma))](auto& p, auto g, auto z) {
      p -= lr * (g + deviation * z);
    };
  }
};

using noisy_sgd = Family<NoisySgd>;

}  // namespace xgrad::optim::inline XGRAD_ISA
