// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= lr / bc1 m / (sqrt(v / bc2) + eps), bc = 1 -
/// beta^t. amsgrad: the largest v so far in place of v. As torch.optim.Adam.
struct Adam {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  bool amsgrad = false;
  static constexpr const char* name = "adam";
  static constexpr About about{"adaptive moments", "Kingma, Ba 2014, arXiv:1412.6980"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq", "amsgrad"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the mean and of the mean square of the gradient");
    f("eps", eps, range::nonnegative, "added to the root of the mean square");
    f("amsgrad", amsgrad, "divide by the largest mean square so far (arXiv:1904.09237)");
  }
  auto step(Now now) const {
    const double rate = lr / (1 - std::pow(betas[0], now.t)), root = 1 / std::sqrt(1 - std::pow(betas[1], now.t));
    return [*this, rate, root](auto& p, auto g, auto& m, auto& v, auto& top) {
      m = betas[0] * m + (1 - betas[0]) * g;
      v = betas[1] * v + (1 - betas[1]) * g * g;
      if (amsgrad) top = max(top, v);
      p -= rate * m / (root * sqrt(amsgrad ? top : v) + eps);
    };
  }
};

/// Adam with decoupled weight decay, p *= 1 - lr weight_decay before the step. As torch.optim.AdamW.
struct AdamW : Adam {
  static constexpr const char* name = "adamw";
  static constexpr About about{"Adam with decoupled weight decay", "Loshchilov, Hutter 2017, arXiv:1711.05101"};
  static constexpr Shared shared{1e-2, Decay::decoupled};
};

/// Adam with amsgrad on.
struct AmsGrad : Adam {
  AmsGrad() { amsgrad = true; }
  static constexpr const char* name = "amsgrad";
  static constexpr About about{"Adam divided by the largest mean square so far",
                               "Reddi, Kale, Kumar 2018, arXiv:1904.09237"};
};

using adam = Family<Adam, AdamW, AmsGrad>;

}  // namespace xgrad::optim::inline XGRAD_ISA
