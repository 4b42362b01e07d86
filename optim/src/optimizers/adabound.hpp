// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam with the step of each element kept between bounds that close around final_lr lr / initial lr:
/// p -= clamp(lr sqrt(bc2) / bc1 / (sqrt(v) + eps), bound (1 - 1 / (gamma t + 1)), bound (1 + 1 / (gamma t))) m.
struct AdaBound : Moments {
  double final_lr = 0.1, gamma = 1e-3;
  bool amsbound = false;
  static constexpr const char* name = "adabound";
  static constexpr About about{"Adam that turns into SGD by bounds on its step", "Luo et al. 2019, arXiv:1902.09843"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq", "amsbound"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("final_lr", final_lr, range::nonnegative, "step size that the bounds close around");
    f("gamma", gamma, range::inside, "how fast the bounds close");
    f("amsbound", amsbound, "divide by the largest mean square so far");
  }
  auto step(Now now) const {
    const double bound = now.initial_lr > 0 ? final_lr * lr / now.initial_lr : final_lr,
                 low = bound * (1 - 1 / (gamma * now.t + 1)), high = bound * (1 + 1 / (gamma * now.t)),
                 rate = lr * std::sqrt(correction(1, now.t)) / correction(0, now.t);
    return [*this, low, high, rate](auto& p, auto g, auto& m, auto& v, auto& top) {
      average(m, v, g);
      if (amsbound) top = max(top, v);
      p -= clamp(rate / (sqrt(amsbound ? top : v) + eps), low, high) * m;
    };
  }
};

/// AdaBound with amsbound on.
struct AmsBound : AdaBound {
  AmsBound() { amsbound = true; }
  static constexpr const char* name = "amsbound";
  static constexpr About about{"AdaBound divided by the largest mean square so far",
                               "Luo et al. 2019, arXiv:1902.09843"};
};

using adabound = Family<AdaBound, AmsBound>;

}  // namespace xgrad::optim::inline XGRAD_ISA
