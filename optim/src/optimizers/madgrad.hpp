// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Dual averaging: with w = (lr + eps) sqrt(t), G += w g^2;  s += w g;  p = momentum p + (1 - momentum) z where
/// z = p0 - s / (cbrt(G) + eps).
struct MadGrad {
  double lr = 1e-2, momentum = 0.9, eps = 1e-6;
  static constexpr const char* name = "madgrad";
  static constexpr About about{"momentumized, adaptive dual averaged gradient",
                               "Defazio, Jelassi 2021, arXiv:2101.11075"};
  static constexpr Slot slots[] = {{"initial", nullptr, nullptr, true},
                                   {"grad_sum_sq", nullptr, nullptr, false, true},
                                   {"grad_sum", nullptr, nullptr, false, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::beta, "how much of the parameter stays");
    f("eps", eps, range::nonnegative, "added to lr and to the cube root");
  }
  auto step(Now now) const {
    return [*this, weight = (lr + eps) * std::sqrt(now.t)](auto& p, auto g, auto& initial, auto& squares, auto& sum) {
      squares += weight * g * g;
      sum += weight * g;
      p = momentum * p + (1 - momentum) * (initial - sum / (cube_root(squares) + eps));
    };
  }
};

using madgrad = Family<MadGrad>;

}  // namespace xgrad::optim::inline XGRAD_ISA
