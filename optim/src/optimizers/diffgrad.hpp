// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam whose step shrinks where the gradient hardly changes: p -= lr sqrt(bc2) / bc1 x m / (sqrt(v) + eps) with the
/// friction x = 1 / (1 + exp(-|g_previous - g|)), g_previous = 0 at first.
struct DiffGrad : Moments {
  static constexpr const char* name = "diffgrad";
  static constexpr About about{"Adam with friction where the gradient is steady",
                               "Dubey et al. 2019, arXiv:1909.11015"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"previous_grad"}};
  auto step(Now now) const {
    return [*this, rate = lr * std::sqrt(correction(1, now.t)) / correction(0, now.t)](auto& p, auto g, auto& m,
                                                                                       auto& v, auto& previous) {
      average(m, v, g);
      p -= rate * m / ((1 + exp(-abs(previous - g))) * (sqrt(v) + eps));
      previous = g;
    };
  }
};

using diffgrad = Family<DiffGrad>;

}  // namespace xgrad::optim::inline XGRAD_ISA
