// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= lr / bc1 m / (sqrt(v / bc2) + eps), bc = 1 -
/// beta^t. amsgrad: the largest v so far in place of v. As torch.optim.Adam. optax: eps_root under the root; its
/// amsgrad is bias_correct_max. MLX: bias_correction_mu and bias_correction_nu off. Keras: eps_hat.
struct Adam : Moments {
  double eps_root = 0;
  bool amsgrad = false, bias_correct_max = false, bias_correction_mu = true, bias_correction_nu = true, eps_hat = false;
  static constexpr const char* name = "adam";
  static constexpr About about{"adaptive moments", "Kingma, Ba 2014, arXiv:1412.6980"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq", "amsgrad"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("amsgrad", amsgrad, "divide by the largest mean square so far (arXiv:1904.09237)");
    f("bias_correct_max", bias_correct_max, "amsgrad compares mean squares after their bias correction");
    f("bias_correction_mu", bias_correction_mu, "divide the mean by 1 - betas[0]^t");
    f("bias_correction_nu", bias_correction_nu, "divide the mean square by 1 - betas[1]^t");
    f("eps_root", eps_root, range::nonnegative, "added to the mean square under the root");
    f("eps_hat", eps_hat, "add eps before the bias correction: the paper's epsilon-hat (Keras, TensorFlow)");
  }
  auto step(Now now) const {
    const double rate = lr / (bias_correction_mu ? correction(0, now.t) : 1),
                 scale = 1 / (bias_correction_nu ? correction(1, now.t) : 1);
    return [*this, rate, scale, before = bias_correct_max ? scale : 1, after = bias_correct_max ? 1 : scale,
            added = eps_hat ? eps * std::sqrt(scale) : eps](auto& p, auto g, auto& m, auto& v, auto& top) {
      average(m, v, g);
      if (amsgrad) top = max(top, before * v);
      p -= rate * m / (sqrt((amsgrad ? after * top : scale * v) + eps_root) + added);
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
struct AMSGrad : Adam {
  AMSGrad() { amsgrad = true; }
  static constexpr const char* name = "amsgrad";
  static constexpr About about{"Adam divided by the largest mean square so far",
                               "Reddi, Kale, Kumar 2018, arXiv:1904.09237"};
};

using adam = Family<Adam, AdamW, AMSGrad>;

}  // namespace xgrad::optim::inline XGRAD_ISA
