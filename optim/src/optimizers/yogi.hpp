// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam whose mean square moves by at most (1 - beta2) g^2 a step: v -= (1 - beta2) sign(v - g^2) g^2. m and v both
/// begin at initial_accumulator_value and are bias-corrected nevertheless. As optax.yogi.
struct Yogi : Moments {
  double initial_accumulator_value = 1e-6;
  Yogi() : Moments{.lr = 1e-2, .eps = 1e-3} {}
  static constexpr const char* name = "yogi";
  static constexpr About about{"Adam with an additive mean square", "Zaheer et al. 2018, NeurIPS"};
  static constexpr Slot slots[] = {{"exp_avg", nullptr, "initial_accumulator_value"},
                                   {"exp_avg_sq", nullptr, "initial_accumulator_value"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("initial_accumulator_value", initial_accumulator_value, range::nonnegative, "where mean and mean square begin");
  }
  auto step(Now now) const {
    const double rate = lr / correction(0, now.t), root = 1 / std::sqrt(correction(1, now.t));
    return [*this, rate, root](auto& p, auto g, auto& m, auto& v) {
      const auto square = g * g;
      m = betas[0] * m + (1 - betas[0]) * g;
      v -= (1 - betas[1]) * sign(v - square) * square;
      p -= rate * m / (root * sqrt(v) + eps);
    };
  }
};

using yogi = Family<Yogi>;

}  // namespace xgrad::optim::inline XGRAD_ISA
