// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// What parameters that are no matrices have of their own: AdamW's hyperparameters, whose lr follows lr's schedule.
struct MarsVectors {
  double lr_1d = 3e-3, weight_decay_1d = 0.1;
  std::array<double, 2> betas_1d{0.9, 0.95};
  bool optimize_1d = false;
  void describe(Fields& f) {
    f("optimize_1d", optimize_1d, "treat all parameters as matrices are treated");
    f("lr_1d", lr_1d, range::nonnegative, "step size of parameters that are no matrices");
    f("betas_1d", betas_1d, range::beta, "decay of their mean and mean square");
    f("weight_decay_1d", weight_decay_1d, range::nonnegative, "their decoupled weight decay");
  }
  bool include(Now now) const { return !optimize_1d && now.rank != 2; }
  Moments moments(double lr, double eps, Now now) const {
    return {lr_1d * (now.initial_lr > 0 ? lr / now.initial_lr : 1), betas_1d, eps};
  }
};

/// The gradient that Mars averages, c = g + gamma beta1 / (1 - beta1) (g - g_previous), divided by its norm over the
/// tensor if that is above 1; for vectors g itself.
struct MarsGradient : Moments {
  double gamma = 0.025;
  MarsVectors vectors;
  MarsGradient() : Moments{.lr = 3e-3, .betas = {0.95, 0.99}} {}
  auto corrected(Now now) const {
    return [weight = vectors.include(now) ? 0 : gamma * betas[0] / (1 - betas[0])](auto g, auto previous) {
      return g + weight * (g - previous);
    };
  }
  auto measure(Now now) const {
    return [corrected = corrected(now)](auto, auto g, auto&, auto&, auto& previous) {
      const auto c = corrected(g, previous);
      return std::array{c * c};
    };
  }
  auto reduced(Now now) const {
    const double norm = std::sqrt(now.sums[0]), shrink = !vectors.include(now) && norm > 1 ? 1 / norm : 1;
    return [shrink, corrected = corrected(now)](auto g, auto& previous) {
      const auto c = shrink * corrected(g, previous);
      previous = g;
      return c;
    };
  }
};

/// m = beta1 m + (1 - beta1) c;  v = beta2 v + (1 - beta2) c^2;  p -= lr (m / bc1 / (sqrt(v / bc2) + eps) + decay p).
/// mars_type "lion": p -= lr (sign(m) + decay p). Parameters that are no matrices take AdamW, unless optimize_1d.
struct Mars : MarsGradient {
  enum : int { adamw, lion };
  int mars_type = adamw;
  static constexpr const char* name = "mars";
  static constexpr About about{"Adam with its gradient's variance reduced", "Yuan et al. 2024, arXiv:2411.10438"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"previous_grad"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("gamma", gamma, range::nonnegative, "weight of the gradient's change");
    f("mars_type", mars_type, config::OneOf{"adamw|lion"}, "what is made of the corrected gradient");
    vectors.describe(f);
  }
  auto step(Now now) const {
    const bool vector = vectors.include(now), by_sign = !vector && mars_type == lion;
    const Moments own = vector ? vectors.moments(lr, eps, now) : Moments{lr, betas, eps};
    const double keep = 1 - own.lr * (vector ? vectors.weight_decay_1d : now.weight_decay),
                 rate = own.lr / own.correction(0, now.t), root = 1 / std::sqrt(own.correction(1, now.t));
    return [=, reduced = reduced(now)](auto& p, auto g, auto& m, auto& v, auto& previous) {
      own.average(m, v, reduced(g, previous));
      p = keep * p - (by_sign ? own.lr * sign(m) : rate * m / (root * sqrt(v) + own.eps));
    };
  }
};

using mars = Family<Mars>;

}  // namespace xgrad::optim::inline XGRAD_ISA
