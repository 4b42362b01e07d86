// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// With d = g - g of the step before (0 at t = 1): m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) d;
/// n = beta3 n + (1 - beta3) (g + beta2 d)^2;  p -= lr (m / bc1 + beta2 v / bc2) / (sqrt(n / bc3) + eps). The authors'
/// betas are weights of the old value. Decay is proximal; weight_decay_mode "decoupled" is their no_prox.
struct Adan : MomentsOf<3> {
  Adan() : MomentsOf{.betas = {0.98, 0.92, 0.99}} {}
  static constexpr const char* name = "adan";
  static constexpr About about{"adaptive Nesterov momentum", "Xie et al. 2022, arXiv:2208.06677"};
  static constexpr Shared shared{0, Decay::proximal};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_diff"}, {"exp_avg_sq"}, {"previous_grad"}};
  void describe(Fields& f) {
    MomentsOf::describe(f, "decay of the mean gradient, of its mean difference, and of the mean square");
  }
  auto step(Now now) const {
    const double of_m = lr / correction(0, now.t), of_v = lr * betas[1] / correction(1, now.t),
                 root = 1 / std::sqrt(correction(2, now.t));
    return [*this, first = now.t == 1, of_m, of_v, root](auto& p, auto g, auto& m, auto& v, auto& n, auto& previous) {
      const auto d = first ? 0 * g : g - previous, ahead = g + betas[1] * d;
      m = betas[0] * m + (1 - betas[0]) * g;
      v = betas[1] * v + (1 - betas[1]) * d;
      n = betas[2] * n + (1 - betas[2]) * ahead * ahead;
      p -= (of_m * m + of_v * v) / (root * sqrt(n) + eps);
      previous = g;
    };
  }
};

using adan = Family<Adan>;

}  // namespace xgrad::optim::inline XGRAD_ISA
