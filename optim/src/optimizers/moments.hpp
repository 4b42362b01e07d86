// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// The hyperparameters of Adam and its relatives. Those that keep more averages than two have as many betas.
template <std::size_t count> struct MomentsOf {
  double lr = 1e-3;
  std::array<double, count> betas{0.9, 0.999};
  double eps = 1e-8;
  void describe(Fields& f, const char* decays = "decay of the mean and of the mean square of the gradient") {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, decays);
    f("eps", eps, range::nonnegative, "added to the root of the mean square");
  }
  /// What an average of decay betas[which] that began at 0 must be divided by after t steps.
  double correction(std::size_t which, double t) const { return 1 - std::pow(betas[which], t); }
  /// The mean m and the mean square v take in the gradient.
  void average(auto& m, auto& v, auto g) const {
    m = betas[0] * m + (1 - betas[0]) * g;
    v = betas[1] * v + (1 - betas[1]) * g * g;
  }
};
using Moments = MomentsOf<2>;

/// How many steps an average of decay beta effectively remembers at step t, and the factor that RAdam derives from it.
struct Rectification {
  double length, factor;

  Rectification(double beta, double t) {
    const double power = std::pow(beta, t), last = 2 / (1 - beta) - 1;
    length = last - 2 * t * power / (1 - power);
    factor = length > 4 ? std::sqrt((length - 4) * (length - 2) * last / ((last - 4) * (last - 2) * length)) : 0;
  }
};

}  // namespace xgrad::optim::inline XGRAD_ISA
