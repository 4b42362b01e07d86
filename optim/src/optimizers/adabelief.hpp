// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam with the square of g - m (the new m) in place of g^2: s = beta2 s + (1 - beta2) (g - m)^2 + eps_root. As
/// optax.adabelief. rectify: RAdam's rectification as the authors' and timm's code has it (there on by default).
struct AdaBelief : Moments {
  double eps_root = 1e-16;
  bool rectify = false;
  AdaBelief() : Moments{.eps = 1e-16} {}
  static constexpr const char* name = "adabelief";
  static constexpr About about{"Adam divided by the gradient's deviation from its mean",
                               "Zhuang et al. 2020, arXiv:2010.07468"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_var"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("eps_root", eps_root, range::nonnegative, "added to the mean square at each step");
    f("rectify", rectify, "shorten early steps as RAdam does; plain momentum until that is possible");
  }
  auto step(Now now) const {
    const Rectification rectification(betas[1], now.t);
    const bool plain = rectify && rectification.length < 5;
    const double rate = lr / correction(0, now.t) * (rectify && !plain ? rectification.factor : 1),
                 shrunk = std::sqrt(correction(1, now.t)), root = plain ? 0 : 1 / shrunk,
                 added = plain ? 1 : eps / (rectify ? shrunk : 1);
    return [*this, rate, root, added](auto& p, auto g, auto& m, auto& s) {
      m = betas[0] * m + (1 - betas[0]) * g;
      s = betas[1] * s + (1 - betas[1]) * (g - m) * (g - m) + eps_root;
      p -= rate * m / (root * sqrt(s) + added);
    };
  }
};

using adabelief = Family<AdaBelief>;

}  // namespace xgrad::optim::inline XGRAD_ISA
