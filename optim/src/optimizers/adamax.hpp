// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// m = beta1 m + (1 - beta1) g;  u = max(beta2 u, |g| + eps);  p -= lr / bc1 m / u. As torch.optim.Adamax. variant
/// "keras" (ensmallen, MLX): u = max(beta2 u, |g|);  p -= lr / bc1 m / (u + eps).
struct Adamax {
  double lr = 2e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  enum : int { torch, keras };
  int variant = torch;
  static constexpr const char* name = "adamax";
  static constexpr About about{"Adam with the largest gradient in place of the mean square",
                               "Kingma, Ba 2014, arXiv:1412.6980, section 7.1"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_inf"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the mean and of the largest gradient");
    f("eps", eps, range::nonnegative, "added to the gradient's size");
    f("variant", variant, config::OneOf{"torch|keras"}, "eps in the largest gradient or beside it");
  }
  auto step(Now now) const {
    return [*this, rate = lr / (1 - std::pow(betas[0], now.t)), within = variant == torch ? eps : 0,
            beside = variant == torch ? 0 : eps](auto& p, auto g, auto& m, auto& u) {
      m = betas[0] * m + (1 - betas[0]) * g;
      u = max(betas[1] * u, abs(g) + within);
      p -= rate * m / (u + beside);
    };
  }
};

/// AdaMax with decoupled weight decay. As optax.adamaxw.
struct AdamaxW : Adamax {
  static constexpr const char* name = "adamaxw";
  static constexpr About about{"AdaMax with decoupled weight decay",
                               "Kingma, Ba 2014, arXiv:1412.6980; Loshchilov, Hutter 2017, arXiv:1711.05101"};
  static constexpr Shared shared{1e-4, Decay::decoupled};
};

using adamax = Family<Adamax, AdamaxW>;

}  // namespace xgrad::optim::inline XGRAD_ISA
