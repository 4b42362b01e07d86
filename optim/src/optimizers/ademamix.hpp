// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam with a second, slow mean that is not bias-corrected: p -= lr (m1 / bc1 + alpha m2) / (sqrt(v / bc2) + eps), m2
/// of decay betas[2]. The warmups lead alpha and betas[2] (its half-life) up over that many steps; 0: none.
struct AdEMAMix : MomentsOf<3> {
  double alpha = 5;
  std::int64_t alpha_warmup = 0, beta3_warmup = 0;
  AdEMAMix() : MomentsOf{.betas = {0.9, 0.999, 0.9999}} {}
  static constexpr const char* name = "ademamix";
  static constexpr About about{"Adam with fast and slow means", "Pagliardini, Ablin, Grangier 2024, arXiv:2409.03137"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"exp_avg_slow"}};
  void describe(Fields& f) {
    MomentsOf::describe(f, "decay of the mean, of the mean square and of the slow mean");
    f("alpha", alpha, range::nonnegative, "weight of the slow mean");
    f("alpha_warmup", alpha_warmup, range::nonnegative, "steps until alpha has its value");
    f("beta3_warmup", beta3_warmup, range::nonnegative, "steps until betas[2] has its value");
  }
  auto step(Now now) const {
    const auto progress = [&](std::int64_t steps) { return steps > now.t ? now.t / static_cast<double>(steps) : 1; };
    const auto half_life = [](double beta) { return std::log(0.5) / std::log(beta + 1e-8) - 1; };
    const double part = progress(beta3_warmup), life = (1 - part) * half_life(betas[0]) + part * half_life(betas[2]),
                 beta3 = part < 1 ? std::pow(0.5, 1 / (life + 1)) : betas[2], rate = lr / correction(0, now.t),
                 weight = lr * alpha * progress(alpha_warmup), root = 1 / std::sqrt(correction(1, now.t));
    return [*this, beta3, weight, rate, root](auto& p, auto g, auto& m, auto& v, auto& slow) {
      average(m, v, g);
      slow = beta3 * slow + (1 - beta3) * g;
      p -= (rate * m + weight * slow) / (root * sqrt(v) + eps);
    };
  }
};

/// One heavy-ball mean and the gradient itself: m = beta1 m + g;  p -= lr (m + alpha g) / (sqrt(v / bc2 + eps_root) +
/// eps). As optax.contrib.simplified_ademamix.
struct SimplifiedAdEMAMix : Moments {
  double alpha = 0, eps_root = 0;
  SimplifiedAdEMAMix() : Moments{.betas = {0.99, 0.95}} {}
  static constexpr const char* name = "simplified_ademamix";
  static constexpr About about{"AdEMAMix with the gradient in place of the fast mean",
                               "Morwani et al. 2025, arXiv:2502.02431"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("alpha", alpha, range::nonnegative, "weight of the gradient");
    f("eps_root", eps_root, range::nonnegative, "added to the mean square under the root");
  }
  auto step(Now now) const {
    return [*this, scale = 1 / correction(1, now.t)](auto& p, auto g, auto& m, auto& v) {
      m = betas[0] * m + g;
      v = betas[1] * v + (1 - betas[1]) * g * g;
      p -= lr * (m + alpha * g) / (sqrt(scale * v + eps_root) + eps);
    };
  }
};

using ademamix = Family<AdEMAMix, SimplifiedAdEMAMix>;

}  // namespace xgrad::optim::inline XGRAD_ISA
