// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam in the other order, divided first and averaged then: v = beta2 v + (1 - beta2) g^2;
/// m = beta1 m + (1 - beta1) lr g / (sqrt(v / bc2) + eps);  p -= lr m / l, l the same average of lr, then
/// p *= 1 - lr weight_decay. As timm's LaProp.
struct LaProp : Moments {
  LaProp() : Moments{.lr = 4e-4, .eps = 1e-15} {}
  static constexpr const char* name = "laprop";
  static constexpr About about{"momentum of the normalised gradient", "Ziyin et al. 2020, arXiv:2002.04839"};
  static constexpr Shared shared{0, Decay::after};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  static constexpr Number numbers[] = {{"lr_avg"}};
  void gather(Now now) const { now.numbers[0] = betas[0] * now.numbers[0] + (1 - betas[0]) * lr; }
  auto step(Now now) const {
    const double average = now.numbers[0], rate = average > 0 ? lr / average : 0, weight = (1 - betas[0]) * lr,
                 root = 1 / std::sqrt(correction(1, now.t));
    return [*this, rate, weight, root](auto& p, auto g, auto& m, auto& v) {
      v = betas[1] * v + (1 - betas[1]) * g * g;
      m = betas[0] * m + weight * g / (root * sqrt(v) + eps);
      p -= rate * m;
    };
  }
};

using laprop = Family<LaProp>;

}  // namespace xgrad::optim::inline XGRAD_ISA
