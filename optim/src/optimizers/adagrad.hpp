// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// s += g^2;  p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). As torch.optim.Adagrad.
/// variant "optax": eps under the root, and nothing where s = 0 (optax and Keras begin s at 0.1 with eps = 1e-7).
struct Adagrad {
  double lr = 1e-2, lr_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
  enum : int { torch, optax };
  int variant = torch;
  static constexpr const char* name = "adagrad";
  static constexpr About about{"gradient over the root of all its squares", "Duchi, Hazan, Singer 2011, JMLR 12"};
  static constexpr Slot slots[] = {{"sum", nullptr, "initial_accumulator_value", false, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("lr_decay", lr_decay, range::nonnegative, "decay of the step size with the step");
    f("initial_accumulator_value", initial_accumulator_value, range::nonnegative, "where the sum of squares begins");
    f("eps", eps, range::nonnegative, "added to the root");
    f("variant", variant, config::OneOf{"torch|optax"}, "eps beside or under the root");
  }
  auto step(Now now) const {
    return [*this, rate = lr / (1 + (now.t - 1) * lr_decay)](auto& p, auto g, auto& sum) {
      sum += g * g;
      if (variant == optax)
        p -= where(sum == 0, 0 * g, rate * g / sqrt(sum + eps));
      else
        p -= rate * g / (sqrt(sum) + eps);
    };
  }
};

using adagrad = Family<Adagrad>;

}  // namespace xgrad::optim::inline XGRAD_ISA
