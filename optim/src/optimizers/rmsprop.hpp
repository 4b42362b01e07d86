// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// The root mean square of the gradient, v = alpha v + (1 - alpha) g^2;  sqrt(v) + eps; centered: v less the squared
/// mean of g, kept from rounding below 0.
struct RootMeanSquare {
  double alpha = 0.99, eps = 1e-8, initial_scale = 0;
  bool centered = false, eps_in_sqrt = false, bias_correction = false;
  void describe(Fields& f) {
    f("alpha", alpha, range::unit, "decay of the mean square");
    f("eps", eps, range::nonnegative, "added to the root");
    f("centered", centered, "divide by the deviation instead of the root mean square");
    f("initial_scale", initial_scale, range::nonnegative, "where the mean square begins");
    f("eps_in_sqrt", eps_in_sqrt, "add eps under the root");
    f("bias_correction", bias_correction, "divide the means by 1 - alpha^t");
  }
  auto root(Now now) const {
    return [*this, scale = bias_correction ? 1 / (1 - std::pow(alpha, now.t)) : 1](auto g, auto& v, auto& mean) {
      v = alpha * v + (1 - alpha) * g * g;
      if (centered) mean = alpha * mean + (1 - alpha) * g;
      const auto square = centered ? max(0, scale * v - scale * scale * mean * mean) : scale * v;
      return eps_in_sqrt ? sqrt(square + eps) : sqrt(square) + eps;
    };
  }
};

/// p -= lr g / root; with momentum the step is b = momentum b + g / root. As torch.optim.RMSprop, but for v - mean^2
/// being at least 0. optax.rmsprop: alpha 0.9, eps_in_sqrt, lr_in_momentum. timm's RMSpropTF: and initial_scale 1.
struct RMSprop : RootMeanSquare {
  double lr = 1e-2, momentum = 0;
  bool lr_in_momentum = false;
  static constexpr const char* name = "rmsprop";
  static constexpr About about{"gradient over its root mean square",
                               "Tieleman, Hinton 2012; centered: Graves 2013, arXiv:1308.0850"};
  static constexpr Slot slots[] = {
      {"square_avg", nullptr, "initial_scale"}, {"grad_avg", "centered"}, {"momentum_buffer", "momentum"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    RootMeanSquare::describe(f);
    f("momentum", momentum, range::nonnegative, "weight of the previous step");
    f("lr_in_momentum", lr_in_momentum, "lr is part of the momentum: a change of lr does not reach earlier steps");
  }
  auto step(Now now) const {
    return [momentum = momentum, before = lr_in_momentum ? lr : 1, after = lr_in_momentum ? 1 : lr,
            root = root(now)](auto& p, auto g, auto& v, auto& mean, auto& b) {
      g = before * g / root(g, v, mean);
      if (momentum != 0) g = b = momentum * b + g;
      p -= after * g;
    };
  }
};

using rmsprop = Family<RMSprop>;

}  // namespace xgrad::optim::inline XGRAD_ISA
