// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam's step size of each element, n = lr sqrt(bc2) / bc1 / (sqrt(v) + eps), is kept below its own average:
/// s = beta3 s + (1 - beta3) n;  p -= min(n, s) m.
struct AdaMod : Moments {
  double beta3 = 0.999;
  static constexpr const char* name = "adamod";
  static constexpr About about{"Adam with each element's step size below its average",
                               "Ding et al. 2019, arXiv:1910.12249"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"exp_avg_lr"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("beta3", beta3, range::beta, "decay of the mean step size");
  }
  auto step(Now now) const {
    return [*this, rate = lr * std::sqrt(correction(1, now.t)) / correction(0, now.t)](auto& p, auto g, auto& m,
                                                                                       auto& v, auto& s) {
      average(m, v, g);
      const auto size = rate / (sqrt(v) + eps);
      s = beta3 * s + (1 - beta3) * size;
      p -= min(size, s) * m;
    };
  }
};

using adamod = Family<AdaMod>;

}  // namespace xgrad::optim::inline XGRAD_ISA
