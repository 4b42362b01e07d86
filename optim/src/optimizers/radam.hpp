// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam times the rectification of its early variance, plain momentum until that exists. variant "torch"
/// (torch.optim.RAdam): p -= lr / bc1 r sqrt(bc2) m / (sqrt(v) + eps), rectified above the threshold; "optax":
/// p -= lr / bc1 r m / (sqrt(v / bc2 + eps_root) + eps), rectified from the threshold on.
struct RAdam : Moments {
  double threshold = 5, eps_root = 0;
  enum : int { torch, optax };
  int variant = torch;
  static constexpr const char* name = "radam";
  static constexpr About about{"Adam with a rectified variance, no warm-up needed",
                               "Liu et al. 2019, arXiv:1908.03265"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("variant", variant, config::OneOf{"torch|optax"}, "where eps acts");
    f("threshold", threshold, {4, range::kInfinity, true, false}, "remembered steps that rectification needs");
    f("eps_root", eps_root, range::nonnegative, "added to the mean square under the root");
  }
  const char* check() const { return betas[1] > 0.6 ? nullptr : "betas[1] must be > 0.6 for a rectification to exist"; }
  auto step(Now now) const {
    const Rectification rectification(betas[1], now.t);
    const bool rectified = variant == optax ? rectification.length >= threshold : rectification.length > threshold;
    const double rate = lr / correction(0, now.t) * (rectified ? rectification.factor : 1), bc2 = correction(1, now.t),
                 added = variant == optax ? eps : eps / std::sqrt(bc2);
    return [*this, rectified, rate, scale = 1 / bc2, added](auto& p, auto g, auto& m, auto& v) {
      average(m, v, g);
      p -= rectified ? rate * m / (sqrt(scale * v + eps_root) + added) : rate * m;
    };
  }
};

using radam = Family<RAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
