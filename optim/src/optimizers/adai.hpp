// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// v = beta2 v + (1 - beta2) g^2;  beta1 = 1 - betas[0] v / (mean of v over all parameters), in [0, 1 - eps];
/// m = beta1 m + (1 - beta1) g;  p -= lr m / (1 - product of beta1 so far). Large gradients meet little inertia.
struct Adai {
  double lr = 1e-3, eps = 1e-3;
  std::array<double, 2> betas{0.1, 0.99};
  static constexpr const char* name = "adai";
  static constexpr About about{"momentum with adaptive inertia", "Xie et al. 2020, arXiv:2006.15815"};
  static constexpr Scope scope = Scope::all;
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"bias_correction"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "loss of inertia at the mean square gradient, and that mean's decay");
    f("eps", eps, range::unit, "what the inertia is at least short of 1");
  }
  auto measure(Now) const {
    return [b = betas[1]](auto, auto g, auto&, auto& v, auto&) { return std::array{v = b * v + (1 - b) * g * g}; };
  }
  auto step(Now now) const {
    // The bias correction of v and of its mean is the same factor, if all have taken as many steps.
    const double mean = now.sums[0] / now.size, scale = mean > 0 ? betas[0] / mean : 0;
    return [*this, scale](auto& p, auto g, auto& m, auto& v, auto& correction) {
      const auto inertia = clamp(1 - scale * v, 0, 1 - eps);
      correction = 1 - (1 - correction) * inertia;
      m = inertia * m + (1 - inertia) * g;
      p -= lr * m / correction;
    };
  }
};

using adai = Family<Adai>;

}  // namespace xgrad::optim::inline XGRAD_ISA
