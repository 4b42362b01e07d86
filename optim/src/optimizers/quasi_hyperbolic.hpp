// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// b = momentum b + (1 - momentum) g;  p -= lr (nu b + (1 - nu) g).
struct Qhm {
  double lr = 1e-3, momentum = 0.9, nu = 0.7;
  static constexpr const char* name = "qhm";
  static constexpr About about{"quasi-hyperbolic momentum: a mean of SGD and momentum",
                               "Ma, Yarats 2018, arXiv:1810.06801"};
  static constexpr Slot slots[] = {{"momentum_buffer"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::beta, "decay of the mean gradient");
    f("nu", nu, range::unit, "weight of the mean gradient in the step");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& b) {
      b = momentum * b + (1 - momentum) * g;
      p -= lr * (nu * b + (1 - nu) * g);
    };
  }
};

/// p -= lr ((1 - nu1) g + nu1 m / bc1) / (sqrt((1 - nu2) g^2 + nu2 v / bc2) + eps): Adam at nus = (1, 1).
struct QhAdam : Moments {
  std::array<double, 2> nus{1, 1};
  static constexpr const char* name = "qhadam";
  static constexpr About about{"quasi-hyperbolic Adam", "Ma, Yarats 2018, arXiv:1810.06801"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("nus", nus, range::unit, "weights of the mean and of the mean square (the paper suggests 0.7, 1)");
  }
  auto step(Now now) const {
    const double of_m = lr * nus[0] / correction(0, now.t), of_g = lr * (1 - nus[0]),
                 of_v = nus[1] / correction(1, now.t), of_square = 1 - nus[1];
    return [*this, of_m, of_g, of_v, of_square](auto& p, auto g, auto& m, auto& v) {
      average(m, v, g);
      p -= (of_g * g + of_m * m) / (sqrt(of_square * g * g + of_v * v) + eps);
    };
  }
};

using quasi_hyperbolic = Family<Qhm, QhAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
