// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// With c = g + gamma beta1 / (1 - beta1) (g - g_previous), divided by its norm over the tensor if that is above 1:
/// m = beta1 m + (1 - beta1) c;  v = beta2 v + (1 - beta2) c^2;  p -= lr (m / bc1 / (sqrt(v / bc2) + eps) + decay p).
/// mars_type "lion": p -= lr (sign(m) + decay p). Parameters that are no matrices take AdamW with lr_1d (which follows
/// lr's schedule), betas_1d and weight_decay_1d, unless optimize_1d.
struct Mars : Moments {
  double gamma = 0.025, lr_1d = 3e-3, weight_decay_1d = 0.1;
  std::array<double, 2> betas_1d{0.9, 0.95};
  enum : int { adamw, lion };
  int mars_type = adamw;
  bool optimize_1d = false;
  Mars() {
    lr = 3e-3;
    betas = {0.95, 0.99};
  }
  static constexpr const char* name = "mars";
  static constexpr About about{"Adam with its gradient's variance reduced", "Yuan et al. 2024, arXiv:2411.10438"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Traits traits{.reach = Reach::tensor};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"previous_grad"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("gamma", gamma, range::nonnegative, "weight of the gradient's change");
    f("mars_type", mars_type, config::OneOf{"adamw|lion"}, "what is made of the corrected gradient");
    f("optimize_1d", optimize_1d, "treat all parameters as matrices are treated");
    f("lr_1d", lr_1d, range::nonnegative, "step size of parameters that are no matrices");
    f("betas_1d", betas_1d, range::beta, "decay of their mean and mean square");
    f("weight_decay_1d", weight_decay_1d, range::nonnegative, "their decoupled weight decay");
  }
  bool reduces(Now now) const { return optimize_1d || now.rank == 2; }
  auto corrected(Now now) const {
    return [weight = reduces(now) ? gamma * betas[0] / (1 - betas[0]) : 0](auto g, auto previous) {
      return g + weight * (g - previous);
    };
  }
  auto measure(Now now) const {
    return [corrected = corrected(now)](auto, auto g, auto&, auto&, auto& previous) {
      const auto c = corrected(g, previous);
      return std::array{c * c};
    };
  }
  auto step(Now now) const {
    const bool matrix = reduces(now), by_sign = matrix && mars_type == lion;
    const std::array<double, 2> decays = matrix ? betas : betas_1d;
    const double size = matrix ? lr : lr_1d * (now.initial_lr > 0 ? lr / now.initial_lr : 1),
                 keep = 1 - size * (matrix ? now.weight_decay : weight_decay_1d), norm = std::sqrt(now.sums[0]),
                 shrink = matrix && norm > 1 ? 1 / norm : 1, rate = size / (1 - std::pow(decays[0], now.t)),
                 root = 1 / std::sqrt(1 - std::pow(decays[1], now.t));
    return [=, eps = eps, corrected = corrected(now)](auto& p, auto g, auto& m, auto& v, auto& previous) {
      const auto c = shrink * corrected(g, previous);
      previous = g;
      m = decays[0] * m + (1 - decays[0]) * c;
      v = decays[1] * v + (1 - decays[1]) * c * c;
      p = keep * p - (by_sign ? size * sign(m) : rate * m / (root * sqrt(v) + eps));
    };
  }
};

using mars = Family<Mars>;

}  // namespace xgrad::optim::inline XGRAD_ISA
