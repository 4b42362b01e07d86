// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p -= lr g / (sqrt(s / bc2) + eps) with the s of the step before (at t = 1 without the root), then
/// s = beta2 s + (1 - beta2) (g - m)^2 + eps_root with the old m, m = beta1 m + (1 - beta1) g. As optax.contrib.acprop.
struct AcProp : Moments {
  double eps_root = 1e-16;
  AcProp() : Moments{.eps = 1e-16} {}
  static constexpr const char* name = "acprop";
  static constexpr About about{"gradient over its deviation up to the step before",
                               "Zhuang et al. 2021, arXiv:2110.05454"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_var"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("eps_root", eps_root, range::nonnegative, "added to the mean square at each step");
  }
  auto step(Now now) const {
    const bool first = now.t == 1;
    const double root = first ? 0 : 1 / std::sqrt(correction(1, now.t - 1)), added = first ? 1 + eps : eps;
    return [*this, root, added](auto& p, auto g, auto& m, auto& s) {
      p -= lr * g / (root * sqrt(s) + added);
      s = betas[1] * s + (1 - betas[1]) * (g - m) * (g - m) + eps_root;
      m = betas[0] * m + (1 - betas[0]) * g;
    };
  }
};

using acprop = Family<AcProp>;

}  // namespace xgrad::optim::inline XGRAD_ISA
