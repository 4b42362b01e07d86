// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// What both share: momentum divided by a mean h of curvatures, which takes in a new estimate behind every
/// update_interval-th step, the first included.
struct Sophia {
  double lr = 1e-4;
  std::array<double, 2> betas{0.965, 0.99};
  std::int64_t update_interval = 10;
  static constexpr Slot slots[] = {{"exp_avg"}, {"hessian"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size, the longest step of an element");
    f("betas", betas, range::beta, "decay of the mean of the gradient and of the curvature's");
    f("update_interval", update_interval, range::count, "steps between estimates of the curvature");
  }
  auto absorb(Now) const {
    return [beta = betas[1]](auto&, auto estimate, auto&, auto& h) { h = beta * h + (1 - beta) * estimate; };
  }
};

/// m = beta1 m + (1 - beta1) g;  p -= lr sign(m) min(|m| / (rho bs h + 1e-15), 1); the curvature is that of
/// Gauss-Newton-Bartlett: squared gradients of the loss with targets drawn from the model. As the authors' program.
struct SophiaG : Sophia {
  double rho = 0.04, bs = 5120;
  static constexpr const char* name = "sophia_g";
  static constexpr About about{"momentum over a sampled Gauss-Newton curvature, clipped",
                               "Liu et al. 2023, arXiv:2305.14342"};
  static constexpr Shared shared{0.1, Decay::decoupled};
  static constexpr Traits traits{.descends_at = 0.2};
  static constexpr Curvature curvature = Curvature::gauss_newton;
  void describe(Fields& f) {
    Sophia::describe(f);
    f("rho", rho, range::positive, "share of the curvature below which steps are clipped less");
    f("bs", bs, range::positive, "samples (tokens) that the loss is the mean of");
  }
  auto step(Now) const {
    return [lr = lr, beta = betas[0], scale = rho * bs](auto& p, auto g, auto& m, auto& h) {
      m = beta * m + (1 - beta) * g;
      p -= lr * sign(m) * min(abs(m) / (scale * h + 1e-15), 0 * g + 1);
    };
  }
};

/// p -= lr clip(m / bc1 / max(gamma h, eps), clip_threshold); the curvature is the Hessian's diagonal as Hutchinson
/// estimates it, z (H z) with random signs z. As optax.contrib.sophia.
struct SophiaH : Sophia {
  double eps = 1e-8, gamma = 0.01;
  std::optional<double> clip_threshold = 1;
  std::int64_t seed = 0;
  static constexpr const char* name = "sophia_h";
  static constexpr About about{"momentum over Hutchinson's estimate of the Hessian's diagonal, clipped",
                               "Liu et al. 2023, arXiv:2305.14342"};
  static constexpr Shared shared{1e-4, Decay::decoupled};
  static constexpr Curvature curvature = Curvature::hessian;
  void describe(Fields& f) {
    Sophia::describe(f);
    f("eps", eps, range::positive, "the least curvature to divide by");
    f("gamma", gamma, range::positive, "multiplies the curvature");
    f("clip_threshold", clip_threshold, range::positive, "the longest step of an element, in lr; null: no limit");
    f("seed", seed, range::nonnegative, "of the random signs");
  }
  auto step(Now now) const {
    return [*this, rate = 1 / (1 - std::pow(betas[0], now.t)),
            limit = clip_threshold.value_or(range::kInfinity)](auto& p, auto g, auto& m, auto& h) {
      m = betas[0] * m + (1 - betas[0]) * g;
      p -= lr * clamp(rate * m / max(gamma * h, eps), -limit, limit);
    };
  }
};

using sophia = Family<SophiaG, SophiaH>;

}  // namespace xgrad::optim::inline XGRAD_ISA
