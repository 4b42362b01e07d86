// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam in the other order, divided first and averaged then: v = beta2 v + (1 - beta2) g^2;
/// m = beta1 m + (1 - beta1) g / (sqrt(v / bc2) + eps);  p -= lr m / bc1, then p *= 1 - lr weight_decay.
struct LaProp : Moments {
  LaProp() {
    lr = 4e-4;
    eps = 1e-15;
  }
  static constexpr const char* name = "laprop";
  static constexpr About about{"momentum of the normalised gradient", "Ziyin et al. 2020, arXiv:2002.04839"};
  static constexpr Shared shared{0, Decay::after};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  auto step(Now now) const {
    const double rate = lr / correction(0, now.t), root = 1 / std::sqrt(correction(1, now.t));
    return [*this, rate, root](auto& p, auto g, auto& m, auto& v) {
      v = betas[1] * v + (1 - betas[1]) * g * g;
      m = betas[0] * m + (1 - betas[0]) * g / (root * sqrt(v) + eps);
      p -= rate * m;
    };
  }
};

using laprop = Family<LaProp>;

}  // namespace xgrad::optim::inline XGRAD_ISA
