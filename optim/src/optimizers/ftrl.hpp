// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// The parameter is the minimum of the linearised past with l1 and l2 on it, so l1 makes it exactly 0. With
/// s(n) = n^-learning_rate_power: G = g + 2 l2_shrinkage p;  z += G - (s(n + g^2) - s(n)) / lr p;  n += g^2;
/// p = (clamp(z, +-l1) - z) / (s(n) / lr + 2 l2 + beta / lr). As keras.optimizers.Ftrl. At lr = 0 p stands still.
struct Ftrl {
  double lr = 1e-3, learning_rate_power = -0.5, initial_accumulator_value = 0.1, l1 = 0, l2 = 0, l2_shrinkage = 0,
         beta = 0;
  static constexpr const char* name = "ftrl";
  static constexpr About about{"follow the regularised leader", "McMahan et al. 2013, KDD"};
  static constexpr Slot slots[] = {{"accumulator", nullptr, "initial_accumulator_value", false, true},
                                   {"linear", nullptr, nullptr, false, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("learning_rate_power", learning_rate_power, range::nonpositive, "of the sum of squares in the step size");
    f("initial_accumulator_value", initial_accumulator_value, range::nonnegative, "where the sum of squares begins");
    f("l1", l1, range::nonnegative, "weight of the parameter's absolute value");
    f("l2", l2, range::nonnegative, "weight of the parameter's square");
    f("l2_shrinkage", l2_shrinkage, range::nonnegative, "the same, in the gradient only");
    f("beta", beta, range::nonnegative, "added to l2 as beta / (2 lr)");
  }
  auto step(Now) const {
    return [*this, rate = lr > 0 ? 1 / lr : 0](auto& p, auto g, auto& n, auto& z) {
      const auto old = learning_rate_power == -0.5 ? sqrt(n) : power(n, -learning_rate_power);
      n += g * g;
      const auto scale = learning_rate_power == -0.5 ? sqrt(n) : power(n, -learning_rate_power);
      z += g + 2 * l2_shrinkage * p - rate * (scale - old) * p;
      if (lr > 0) p = (clamp(z, -l1, l1) - z) / (rate * scale + (2 * l2 + rate * beta));
    };
  }
};

using ftrl = Family<Ftrl>;

}  // namespace xgrad::optim::inline XGRAD_ISA
