// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p -= lr sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g.
struct Lion {
  double lr = 1e-4;
  std::array<double, 2> betas{0.9, 0.99};
  static constexpr const char* name = "lion";
  static constexpr About about{"the sign of an interpolated momentum", "Chen et al. 2023, arXiv:2302.06675"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "weight of the momentum in the step, and its decay");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& m) {
      p -= lr * sign(betas[0] * m + (1 - betas[0]) * g);
      m = betas[1] * m + (1 - betas[1]) * g;
    };
  }
};
using lion = Family<Lion>;

}  // namespace xgrad::optim::inline XGRAD_ISA
