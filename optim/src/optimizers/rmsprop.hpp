// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// v = alpha v + (1 - alpha) g^2;  p -= lr g / (sqrt(v) + eps); centered: v less the squared mean of g; with momentum b
/// the step is b = momentum b + g / (...). As torch.optim.RMSprop, but for v - mean^2 being kept from rounding below 0.
struct RmsProp {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, momentum = 0;
  bool centered = false;
  static constexpr const char* name = "rmsprop";
  static constexpr About about{"gradient over its root mean square",
                               "Tieleman, Hinton 2012; centered: Graves 2013, arXiv:1308.0850"};
  static constexpr Slot slots[] = {{"square_avg"}, {"grad_avg", "centered"}, {"momentum_buffer", "momentum"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("alpha", alpha, range::unit, "decay of the mean square");
    f("eps", eps, range::nonnegative, "added to the root");
    f("momentum", momentum, range::nonnegative, "weight of the previous step");
    f("centered", centered, "divide by the deviation instead of the root mean square");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& v, auto& mean, auto& b) {
      v = alpha * v + (1 - alpha) * g * g;
      auto square = v;
      if (centered) {
        mean = alpha * mean + (1 - alpha) * g;
        square = max(v - mean * mean, 0 * v);
      }
      g = g / (sqrt(square) + eps);
      if (momentum != 0) g = b = momentum * b + g;
      p -= lr * g;
    };
  }
};

using rmsprop = Family<RmsProp>;

}  // namespace xgrad::optim::inline XGRAD_ISA
