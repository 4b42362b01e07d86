// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// The gradient is divided by the root of the mean square up to the step before, then averaged:
/// n = clamp(g / max(sqrt(v), eps), +-(t - 1)^clip_exp);  m = beta1 m + (1 - beta1) n;  p -= lr m;
/// v = beta2 v + (1 - beta2) g^2. The first step only sets v = g^2. As the authors' code (timm: clip_exp 0.333).
struct Adopt : Moments {
  std::optional<double> clip_exp = 0.25;
  Adopt() : Moments{.betas = {0.9, 0.9999}, .eps = 1e-6} {}
  static constexpr const char* name = "adopt";
  static constexpr About about{"Adam that converges with any beta2", "Taniguchi et al. 2024, arXiv:2411.02853"};
  static constexpr Shared shared{0, Decay::coupled, 2};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("clip_exp", clip_exp, range::nonnegative, "power of the growing limit on the divided gradient; null: no limit");
  }
  auto step(Now now) const {
    const double limit = clip_exp ? std::pow(now.t - 1, *clip_exp) : range::kInfinity;
    return [*this, first = now.t == 1, limit](auto& p, auto g, auto& m, auto& v) {
      if (first) {
        v = g * g;
        return;
      }
      m = betas[0] * m + (1 - betas[0]) * clamp(g / max(sqrt(v), eps), -limit, limit);
      p -= lr * m;
      v = betas[1] * v + (1 - betas[1]) * g * g;
    };
  }
};

using adopt = Family<Adopt>;

}  // namespace xgrad::optim::inline XGRAD_ISA
