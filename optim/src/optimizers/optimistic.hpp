// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p -= lr ((alpha + beta) g - beta g_previous), g_previous = g at first. As optax.optimistic_gradient_descent.
struct OptimisticGd {
  double lr = 1e-3, alpha = 1, beta = 1;
  static constexpr const char* name = "optimistic_gd";
  static constexpr About about{"gradient descent for games, extrapolating the gradient",
                               "Mokhtari et al. 2019, arXiv:1901.08511"};
  static constexpr Slot slots[] = {{"previous_grad"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("alpha", alpha, range::nonnegative, "weight of the gradient");
    f("beta", beta, range::nonnegative, "weight of its change");
  }
  auto step(Now now) const {
    return [*this, first = now.t == 1](auto& p, auto g, auto& previous) {
      p -= lr * (alpha * g + beta * (first ? 0 * g : g - previous));
      previous = g;
    };
  }
};

/// The same with Adam's direction u in place of g; nesterov: u's numerator is
/// beta1 m / (1 - beta1^(t + 1)) + (1 - beta1) g / bc1. As optax.optimistic_adam_v2.
struct OptimisticAdam : Moments {
  double alpha = 1, beta = 1, eps_root = 0;
  bool nesterov = true;
  static constexpr const char* name = "optimistic_adam";
  static constexpr About about{"Adam for games, extrapolating its direction",
                               "Daskalakis et al. 2017, arXiv:1711.00141"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"previous_direction"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("alpha", alpha, range::nonnegative, "weight of the direction");
    f("beta", beta, range::nonnegative, "weight of its change");
    f("eps_root", eps_root, range::nonnegative, "added to the mean square under the root");
    f("nesterov", nesterov, "look ahead along the momentum");
  }
  auto step(Now now) const {
    const double of_m = nesterov ? betas[0] / correction(0, now.t + 1) : 1 / correction(0, now.t),
                 of_g = nesterov ? (1 - betas[0]) / correction(0, now.t) : 0, scale = 1 / correction(1, now.t);
    return [*this, first = now.t == 1, of_m, of_g, scale](auto& p, auto g, auto& m, auto& v, auto& previous) {
      average(m, v, g);
      const auto u = (of_m * m + of_g * g) / (sqrt(scale * v + eps_root) + eps);
      p -= lr * (alpha * u + beta * (first ? 0 * u : u - previous));
      previous = u;
    };
  }
};

using optimistic = Family<OptimisticGd, OptimisticAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
