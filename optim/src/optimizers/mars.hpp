// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// The gradient's variance reduced: c = g + gamma beta1 / (1 - beta1) (g - g_previous), divided by its norm over the
/// tensor if that is above 1;  m = beta1 m + (1 - beta1) c;  v = beta2 v + (1 - beta2) c^2;
/// p -= lr (m / bc1 / (sqrt(v / bc2) + eps) + decay p). mars_type "lion": p -= lr (sign(m) + decay p). Parameters that
/// are no matrices take AdamW with hyperparameters of their own, whose lr follows lr's schedule, unless optimize_1d.
/// variant "timm": the first c is g itself, and all but numbers and vectors count as matrices.
struct Mars : Moments {
  double gamma = 0.025, lr_1d = 3e-3, weight_decay_1d = 0.1;
  std::array<double, 2> betas_1d{0.9, 0.95};
  bool optimize_1d = false;
  enum : int { adamw, lion };
  int mars_type = adamw;
  enum : int { authors, timm };
  int variant = authors;
  Mars() : Moments{.lr = 3e-3, .betas = {0.95, 0.99}} {}
  static constexpr const char* name = "mars";
  static constexpr About about{"Adam with its gradient's variance reduced", "Yuan et al. 2024, arXiv:2411.10438"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"previous_grad"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("gamma", gamma, range::nonnegative, "weight of the gradient's change");
    f("mars_type", mars_type, config::OneOf{"adamw|lion"}, "what is made of the corrected gradient");
    f("variant", variant, config::OneOf{"authors|timm"}, "whose first step, and which parameters are matrices");
    f("optimize_1d", optimize_1d, "treat all parameters as matrices are treated");
    f("lr_1d", lr_1d, range::nonnegative, "step size of parameters that are no matrices");
    f("betas_1d", betas_1d, range::beta, "decay of their mean and mean square");
    f("weight_decay_1d", weight_decay_1d, range::nonnegative, "their decoupled weight decay");
  }
  bool is_vector(Now now) const { return !optimize_1d && (variant == timm ? now.rank < 2 : now.rank != 2); }
  /// c is g.
  bool is_plain(Now now) const { return is_vector(now) || (variant == timm && now.t == 1); }
  auto corrected(Now now) const {
    return [weight = is_plain(now) ? 0 : gamma * betas[0] / (1 - betas[0])](auto g, auto previous) {
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
    const bool vector = is_vector(now), by_sign = !vector && mars_type == lion;
    const Moments own = vector ? Moments{lr_1d * (now.initial_lr > 0 ? lr / now.initial_lr : 1), betas_1d, eps}
                               : Moments{lr, betas, eps};
    const double norm = std::sqrt(now.sums[0]), shrink = !is_plain(now) && norm > 1 ? 1 / norm : 1,
                 keep = 1 - own.lr * (vector ? weight_decay_1d : now.weight_decay),
                 rate = own.lr / own.correction(0, now.t), root = 1 / std::sqrt(own.correction(1, now.t));
    return [=, corrected = corrected(now)](auto& p, auto g, auto& m, auto& v, auto& previous) {
      own.average(m, v, shrink * corrected(g, previous));
      previous = g;
      p = keep * p - (by_sign ? own.lr * sign(m) : rate * m / (root * sqrt(v) + own.eps));
    };
  }
};

using mars = Family<Mars>;

}  // namespace xgrad::optim::inline XGRAD_ISA
