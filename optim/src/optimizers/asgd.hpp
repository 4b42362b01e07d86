// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p = (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr (t - 1))^alpha;  ax += (p - ax) / max(1, t - 1 - t0):
/// the averaged parameters stay in the state `ax`. As torch.optim.ASGD, but eta follows lr at once, not one step later.
struct ASGD {
  double lr = 1e-2, lambd = 1e-4, alpha = 0.75, t0 = 1e6;
  static constexpr const char* name = "asgd";
  static constexpr About about{"averaged stochastic gradient descent",
                               "Polyak, Juditsky 1992, SIAM J. Control Optim. 30(4)"};
  static constexpr Slot slots[] = {{"ax", nullptr, nullptr, false, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "first step size");
    f("lambd", lambd, range::nonnegative, "decay of the step size and of the parameters");
    f("alpha", alpha, range::nonnegative, "power of the step size's decay");
    f("t0", t0, range::nonnegative, "step at which averaging begins");
  }
  auto step(Now now) const {
    const double eta = lr / std::pow(1 + lambd * lr * (now.t - 1), alpha), mu = 1 / std::max(1.0, now.t - 1 - t0);
    return [eta, keep = 1 - lambd * eta, mu](auto& p, auto g, auto& ax) {
      p = keep * p - eta * g;
      ax = mu == 1 ? p : ax + mu * (p - ax);
    };
  }
};

using asgd = Family<ASGD>;

}  // namespace xgrad::optim::inline XGRAD_ISA
