// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Three momenta side by side: b_i = beta_i b_i + g;  p -= lr (b_1 + b_2 + b_3) / 3.
struct AggMo {
  double lr = 1e-3;
  std::array<double, 3> betas{0, 0.9, 0.99};
  static constexpr const char* name = "aggmo";
  static constexpr About about{"the mean of several momenta", "Lucas et al. 2018, arXiv:1804.00325"};
  static constexpr Slot slots[] = {{"momentum_buffer_0"}, {"momentum_buffer_1"}, {"momentum_buffer_2"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "the weights of the previous direction");
  }
  auto step(Now) const {
    return [*this, rate = lr / 3](auto& p, auto g, auto& a, auto& b, auto& c) {
      a = betas[0] * a + g;
      b = betas[1] * b + g;
      c = betas[2] * c + g;
      p -= rate * (a + b + c);
    };
  }
};

using aggmo = Family<AggMo>;

}  // namespace xgrad::optim::inline XGRAD_ISA
