// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// The step of each element grows while its gradient keeps its sign, shrinks when it flips (and is then not taken):
/// s = clamp(s f, step_sizes) with f = etas[1], etas[0], or 1 after a flip;  p -= s sign(g). s begins at the first lr;
/// later changes of lr have no effect. For full batches. As torch.optim.Rprop.
struct Rprop {
  double lr = 1e-2;
  std::array<double, 2> etas{0.5, 1.2}, step_sizes{1e-6, 50};
  static constexpr const char* name = "rprop";
  static constexpr About about{"resilient propagation: the sign of the gradient, a step size for each element",
                               "Riedmiller, Braun 1993, ICNN"};
  static constexpr Slot slots[] = {{"prev"}, {"step_size"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "first step size");
    f("etas", etas, range::positive, "factors of the step size when the sign flips and when it stays");
    f("step_sizes", step_sizes, range::positive, "least and greatest step size");
  }
  const char* check() const {
    if (!(etas[0] < 1 && etas[1] > 1)) return "etas must be [below 1, above 1]";
    return step_sizes[0] <= step_sizes[1] ? nullptr : "step_sizes must be [least, greatest]";
  }
  auto step(Now now) const {
    return [*this, first = now.t == 1](auto& p, auto g, auto& previous, auto& size) {
      if (first) size = 0 * size + lr;
      const auto dot = g * previous;
      size = clamp(where(dot > 0, etas[1] * size, where(dot < 0, etas[0] * size, size)), step_sizes[0], step_sizes[1]);
      previous = where(dot < 0, 0 * g, g);
      p -= size * sign(previous);
    };
  }
};

using rprop = Family<Rprop>;

}  // namespace xgrad::optim::inline XGRAD_ISA
