// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// v = rho v + (1 - rho) g^2;  d = sqrt(a + eps) / sqrt(v + eps) g;  a = rho a + (1 - rho) d^2;  p -= lr d.
/// As torch.optim.Adadelta.
struct Adadelta {
  double lr = 1, rho = 0.9, eps = 1e-6;
  static constexpr const char* name = "adadelta";
  static constexpr About about{"steps of the size of the steps before", "Zeiler 2012, arXiv:1212.5701"};
  static constexpr Traits traits{.descends_at = 1};
  static constexpr Slot slots[] = {{"square_avg"}, {"acc_delta"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "multiplies the step");
    f("rho", rho, range::unit, "decay of the mean squares of the gradient and of the step");
    f("eps", eps, range::nonnegative, "added to both mean squares: the first steps come from it");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& v, auto& a) {
      v = rho * v + (1 - rho) * g * g;
      const auto d = sqrt((a + eps) / (v + eps)) * g;
      a = rho * a + (1 - rho) * d * d;
      p -= lr * d;
    };
  }
};

using adadelta = Family<Adadelta>;

}  // namespace xgrad::optim::inline XGRAD_ISA
