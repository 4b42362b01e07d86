// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p -= lr sign(g).
struct SignSgd {
  double lr = 1e-3;
  static constexpr const char* name = "sign_sgd";
  static constexpr About about{"the sign of the gradient", "Bernstein et al. 2018, arXiv:1802.04434"};
  void describe(Fields& f) { f("lr", lr, range::nonnegative, "step size"); }
  auto step(Now) const {
    return [*this](auto& p, auto g) { p -= lr * sign(g); };
  }
};

/// m = beta m + (1 - beta) g;  p -= lr sign(m).
struct Signum {
  double lr = 1e-3, beta = 0.9;
  static constexpr const char* name = "signum";
  static constexpr About about{"the sign of the momentum", "Bernstein et al. 2018, arXiv:1802.04434"};
  static constexpr Slot slots[] = {{"exp_avg"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("beta", beta, range::beta, "decay of the momentum");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& m) {
      m = beta * m + (1 - beta) * g;
      p -= lr * sign(m);
    };
  }
};

/// Signum with decoupled weight decay.
struct Tiger : Signum {
  Tiger() { beta = 0.965; }
  static constexpr const char* name = "tiger";
  static constexpr About about{"Signum with decoupled weight decay", "Su 2023, github.com/bojone/tiger"};
  static constexpr Shared shared{1e-2, Decay::decoupled};
};

using signum = Family<SignSgd, Signum, Tiger>;

}  // namespace xgrad::optim::inline XGRAD_ISA
