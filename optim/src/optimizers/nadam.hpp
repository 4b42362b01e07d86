// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// What a step takes of the gradient and of the momentum.
struct NesterovWeights {
  double of_g, of_m;

  /// By momenta mu(t) = beta (1 - 0.96^(t psi) / 2), each weight divided by 1 less the product of the momenta so far.
  static NesterovWeights scheduled(double lr, double beta, double psi, double t) {
    const auto mu = [&](double step) { return beta * (1 - 0.5 * std::pow(0.96, step * psi)); };
    const double so_far = product(beta, psi, t), next = mu(t + 1);
    return {lr * (1 - mu(t)) / (1 - so_far), lr * next / (1 - so_far * next)};
  }
  /// mu(1) mu(2) ... mu(t) without a state: log(1 - q^i / 2) as a power series, each power's sum over i in closed form.
  static double product(double beta, double psi, double t) {
    if (beta == 0 || t * std::log(beta) < -100) return 0;  // no longer seen beside 1
    double log_product = t * std::log(beta);
    for (double k = 1, half = 0.5; k <= 60; ++k, half *= 0.5) {
      const double log_power = k * psi * std::log(0.96);
      log_product -=
          half / k * (log_power < 0 ? std::exp(log_power) * std::expm1(t * log_power) / std::expm1(log_power) : t);
    }
    return std::exp(log_product);
  }
};

/// Adam that looks ahead along its momentum: p -= (a g + b m) / (sqrt(v / bc2 + eps_root) + eps). variant "torch"
/// (torch.optim.NAdam, as repaired after 1.13): momenta mu(t) with P their product so far, a = lr (1 - mu(t)) /
/// (1 - P(t)), b = lr mu(t + 1) / (1 - P(t + 1)). "optax": a = lr (1 - beta1) / bc1(t), b = lr beta1 / bc1(t + 1).
/// "mlcommons" (timm's NAdamW): the same with bc1(t) in both.
struct NAdam : Moments {
  double momentum_decay = 4e-3, eps_root = 0;
  enum : int { torch, optax, mlcommons };
  int variant = torch;
  NAdam() : Moments{.lr = 2e-3} {}
  static constexpr const char* name = "nadam";
  static constexpr About about{"Adam with Nesterov momentum", "Dozat 2016, ICLR workshop"};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    Moments::describe(f);
    f("variant", variant, config::OneOf{"torch|optax|mlcommons"}, "whose weights of gradient and momentum");
    f("momentum_decay", momentum_decay, range::nonnegative, "psi of torch's momentum schedule (Keras: 1)");
    f("eps_root", eps_root, range::nonnegative, "added to the mean square under the root");
  }
  auto step(Now now) const {
    const double bc1 = correction(0, now.t), next = variant == optax ? correction(0, now.t + 1) : bc1;
    const auto weights = variant == torch ? NesterovWeights::scheduled(lr, betas[0], momentum_decay, now.t)
                                          : NesterovWeights{lr * (1 - betas[0]) / bc1, lr * betas[0] / next};
    return [*this, weights, scale = 1 / correction(1, now.t)](auto& p, auto g, auto& m, auto& v) {
      average(m, v, g);
      p -= (weights.of_g * g + weights.of_m * m) / (sqrt(scale * v + eps_root) + eps);
    };
  }
};

/// NAdam with decoupled weight decay; its default variant is optax's.
struct NAdamW : NAdam {
  NAdamW() {
    lr = 1e-3;
    variant = optax;
  }
  static constexpr const char* name = "nadamw";
  static constexpr About about{"NAdam with decoupled weight decay",
                               "Dozat 2016, ICLR workshop; Loshchilov, Hutter 2017, arXiv:1711.05101"};
  static constexpr Shared shared{1e-4, Decay::decoupled};
};

using nadam = Family<NAdam, NAdamW>;

}  // namespace xgrad::optim::inline XGRAD_ISA
