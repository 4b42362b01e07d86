// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p -= lr sign(u), u = beta1 m + (1 - beta1) g;  m = beta2 m + (1 - beta2) g. mode "smooth": tanh(smooth_beta u) in
/// place of the sign; "refined": u itself where |u| < 1.
struct Lion {
  double lr = 1e-4;
  std::array<double, 2> betas{0.9, 0.99};
  double smooth_beta = 1;
  enum : int { plain, smooth, refined };
  int mode = plain;
  static constexpr const char* name = "lion";
  static constexpr About about{"the sign of an interpolated momentum", "Chen et al. 2023, arXiv:2302.06675"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "weight of the momentum in the step, and its decay");
    f("mode", mode, config::OneOf{"sign|smooth|refined"}, "what is made of the momentum");
    f("smooth_beta", smooth_beta, range::positive, "steepness of the smooth sign");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& m) {
      const auto u = betas[0] * m + (1 - betas[0]) * g;
      p -= lr * (mode == smooth ? tanh(smooth_beta * u) : mode == refined ? where(abs(u) < 1, u, sign(u)) : sign(u));
      m = betas[1] * m + (1 - betas[1]) * g;
    };
  }
};

using lion = Family<Lion>;

}  // namespace xgrad::optim::inline XGRAD_ISA
