// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Adam with a power between SGD's 0 and Adam's 1/2 of the mean square:
/// p -= lr sqrt(bc2) / bc1 m / (sqrt(v) + eps)^(2 partial). amsgrad: the largest v so far, as the authors have it.
struct PAdam : Moments {
  double partial = 0.25;
  bool amsgrad = false;
  PAdam() : Moments{.lr = 0.1} {}
  static constexpr const char* name = "padam";
  static constexpr About about{"partially adaptive Adam", "Chen et al. 2018, arXiv:1806.06763"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq", "amsgrad"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("partial", partial, {0, 0.5, true, false}, "power of the mean square");
    f("amsgrad", amsgrad, "divide by the largest mean square so far");
  }
  auto step(Now now) const {
    return [*this, rate = lr * std::sqrt(correction(1, now.t)) / correction(0, now.t)](auto& p, auto g, auto& m,
                                                                                       auto& v, auto& top) {
      average(m, v, g);
      if (amsgrad) top = max(top, v);
      const auto root = sqrt(amsgrad ? top : v) + eps;
      p -= rate * m / (partial == 0.5 ? root : partial == 0.25 ? sqrt(root) : power(root, 2 * partial));
    };
  }
};

using padam = Family<PAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
