// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// v = alpha v + (1 - alpha) g^2;  p -= lr g / (sqrt(v) + eps); centered: v less the squared mean of g; with momentum b
/// the step is b = momentum b + g / (...). As torch.optim.RMSprop, but for v - mean^2 being kept from rounding below 0.
/// optax.rmsprop: alpha 0.9, eps_in_sqrt, lr_in_momentum. timm's RMSpropTF: the same with initial_scale 1.
struct RMSprop {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, momentum = 0, initial_scale = 0;
  bool centered = false, eps_in_sqrt = false, lr_in_momentum = false, bias_correction = false;
  static constexpr const char* name = "rmsprop";
  static constexpr About about{"gradient over its root mean square",
                               "Tieleman, Hinton 2012; centered: Graves 2013, arXiv:1308.0850"};
  static constexpr Slot slots[] = {
      {"square_avg", nullptr, "initial_scale"}, {"grad_avg", "centered"}, {"momentum_buffer", "momentum"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("alpha", alpha, range::unit, "decay of the mean square");
    f("eps", eps, range::nonnegative, "added to the root");
    f("momentum", momentum, range::nonnegative, "weight of the previous step");
    f("centered", centered, "divide by the deviation instead of the root mean square");
    f("initial_scale", initial_scale, range::nonnegative, "where the mean square begins");
    f("eps_in_sqrt", eps_in_sqrt, "add eps under the root");
    f("lr_in_momentum", lr_in_momentum, "lr is part of the momentum: a change of lr does not reach earlier steps");
    f("bias_correction", bias_correction, "divide the means by 1 - alpha^t");
  }
  auto step(Now now) const {
    const double scale = bias_correction ? 1 / (1 - std::pow(alpha, now.t)) : 1, before = lr_in_momentum ? lr : 1,
                 after = lr_in_momentum ? 1 : lr;
    return [*this, scale, before, after](auto& p, auto g, auto& v, auto& mean, auto& b) {
      v = alpha * v + (1 - alpha) * g * g;
      auto square = scale * v;
      if (centered) {
        mean = alpha * mean + (1 - alpha) * g;
        square = max(0, square - scale * scale * mean * mean);
      }
      g = before * g / (eps_in_sqrt ? sqrt(square + eps) : sqrt(square) + eps);
      if (momentum != 0) g = b = momentum * b + g;
      p -= after * g;
    };
  }
};

using rmsprop = Family<RMSprop>;

}  // namespace xgrad::optim::inline XGRAD_ISA
