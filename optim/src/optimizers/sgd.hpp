// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// b = momentum b + (1 - dampening) g, the first b = g;  p -= lr (nesterov ? g + momentum b : b).
/// As torch.optim.SGD: lr is not part of the buffer. lr_in_momentum: it is, as in Keras, Caffe and Sutskever's paper.
struct SGD {
  double lr = 1e-3, momentum = 0, dampening = 0;
  bool nesterov = false, lr_in_momentum = false;
  static constexpr const char* name = "sgd";
  static constexpr About about{"stochastic gradient descent, with momentum", "Sutskever et al. 2013, ICML"};
  static constexpr Slot slots[] = {{"momentum_buffer", "momentum"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::nonnegative, "weight of the previous direction");
    f("dampening", dampening, range::unit, "what the gradient's weight in the momentum is short of 1");
    f("nesterov", nesterov, "look ahead along the momentum; needs momentum > 0 and dampening = 0");
    f("lr_in_momentum", lr_in_momentum, "lr is part of the momentum: a change of lr does not reach earlier steps");
  }
  const char* check() const {
    return nesterov && (momentum <= 0 || dampening != 0) ? "nesterov needs momentum > 0 and dampening = 0" : nullptr;
  }
  auto step(Now now) const {
    return [*this, fresh = now.fresh ? 1 : 1 - dampening, before = lr_in_momentum ? lr : 1,
            after = lr_in_momentum ? 1 : lr](auto& p, auto g, auto& b) {
      g = before * g;
      if (momentum != 0) b = momentum * b + fresh * g;
      p -= after * (momentum == 0 ? g : nesterov ? g + momentum * b : b);
    };
  }
};

/// Sgd with decoupled weight decay. As timm's SGDW.
struct SGDW : SGD {
  static constexpr const char* name = "sgdw";
  static constexpr About about{"SGD with decoupled weight decay", "Loshchilov, Hutter 2017, arXiv:1711.05101"};
  static constexpr Shared shared{0, Decay::decoupled};
};

using sgd = Family<SGD, SGDW>;

}  // namespace xgrad::optim::inline XGRAD_ISA
