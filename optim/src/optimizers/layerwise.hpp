// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// a / b, or 1 if either is 0.
template <class Real> Real trust_ratio(Real a, Real b) { return a > 0 && b > 0 ? a / b : 1; }

/// u = m / bc1 / (sqrt(v / bc2) + eps) + weight_decay p with Adam's m and v;  p -= lr |p| / |u| u, norms of each
/// tensor. max_grad_norm (NVIDIA's and timm's programs: 1): g / max(1, |g| / max_grad_norm), norm over all parameters.
struct Lamb : Moments {
  std::optional<double> max_grad_norm;
  bool trust_clip = false, always_adapt = true;
  Lamb() : Moments{.eps = 1e-6} {}
  static constexpr const char* name = "lamb";
  static constexpr About about{"Adam's direction at the length of the parameter", "You et al. 2019, arXiv:1904.00962"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  static constexpr bool settled = true;
  void describe(Fields& f) {
    Moments::describe(f);
    f("max_grad_norm", max_grad_norm, range::positive, "all gradients together at most so long; null: no limit");
    f("trust_clip", trust_clip, "ratios of the norms at most 1");
    f("always_adapt", always_adapt, "scale by the norms also where there is no weight decay");
  }
  double gradient_limit() const { return max_grad_norm.value_or(range::kInfinity); }
  auto direction(Now now) const {
    const double rate = 1 / correction(0, now.t), root = 1 / std::sqrt(correction(1, now.t));
    return [rate, root, eps = eps, decay = now.weight_decay](auto p, auto m, auto v) {
      return rate * m / (root * sqrt(v) + eps) + decay * p;
    };
  }
  auto measure(Now now) const {
    return [*this, direction = direction(now)](auto p, auto g, auto& m, auto& v) {
      average(m, v, g);
      const auto u = direction(p, m, v);
      return std::array{p * p, u * u};
    };
  }
  auto step(Now now) const {
    const bool adapts = always_adapt || now.weight_decay != 0;
    const double ratio = adapts ? trust_ratio(std::sqrt(now.sums[0]), std::sqrt(now.sums[1])) : 1;
    return [rate = lr * (trust_clip && ratio > 1 ? 1 : ratio),
            direction = direction(now)](auto& p, auto, auto& m, auto& v) { p -= rate * direction(p, m, v); };
  }
};

/// b = momentum b - lr r u;  p += b with u = g + weight_decay p, r = trust_coefficient |p| / (|u| + eps), or 1 where
/// either norm is 0. As optax.lars: lr is part of the buffer. variant "paper": r = trust_coefficient |p| /
/// (|g| + weight_decay |p| + eps); "timm" (Apex's LARC): the same r, lr outside of the buffer.
struct Lars {
  double lr = 1, momentum = 0.9, trust_coefficient = 1e-3, eps = 0;
  bool nesterov = false, trust_clip = false, always_adapt = true;
  enum : int { optax, paper, timm };
  int variant = optax;
  static constexpr const char* name = "lars";
  static constexpr About about{"momentum with steps in proportion to the parameter",
                               "You, Gitman, Ginsburg 2017, arXiv:1708.03888"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Traits traits{.descends_at = 1};
  static constexpr Slot slots[] = {{"momentum_buffer", "momentum"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::nonnegative, "weight of the previous step");
    f("trust_coefficient", trust_coefficient, range::nonnegative, "share of its norm that a parameter moves");
    f("eps", eps, range::nonnegative, "added to the gradient's norm");
    f("nesterov", nesterov, "look ahead along the momentum; needs momentum > 0");
    f("variant", variant, config::OneOf{"optax|paper|timm"},
      "which norms are compared, and whether lr is in the buffer");
    f("trust_clip", trust_clip, "steps at most those of SGD with this lr (LARC)");
    f("always_adapt", always_adapt, "scale by the norms also where there is no weight decay");
  }
  const char* check() const { return nesterov && momentum <= 0 ? "nesterov needs momentum > 0" : nullptr; }
  auto measure(Now now) const {
    return [decay = variant == optax ? now.weight_decay : 0](auto p, auto g, auto&) {
      g = g + decay * p;
      return std::array{p * p, g * g};
    };
  }
  double ratio(Now now) const {
    if (!always_adapt && now.weight_decay == 0) return 1;
    const double p_norm = std::sqrt(now.sums[0]), g_norm = std::sqrt(now.sums[1]),
                 both = g_norm + (variant == optax ? 0 : now.weight_decay * p_norm) + eps,
                 full = p_norm > 0 && g_norm > 0 ? trust_coefficient * p_norm / both : 1;
    return !trust_clip ? full : full < lr ? full / lr : 1;
  }
  auto step(Now now) const {
    return [*this, before = ratio(now) * (variant == timm ? 1 : lr), after = variant == timm ? lr : 1,
            decay = now.weight_decay](auto& p, auto g, auto& b) {
      g = before * (g + decay * p);
      if (momentum != 0) {
        b = momentum * b + g;
        g = nesterov ? g + momentum * b : b;
      }
      p -= after * g;
    };
  }
};

/// p = (p - lr |p| / |g| g) / sqrt(1 + lr^2), norms of each tensor, at least min_norm.
struct Fromage {
  double lr = 1e-2, min_norm = 1e-6;
  static constexpr const char* name = "fromage";
  static constexpr About about{"steps in proportion to the parameter's length, which does not grow",
                               "Bernstein et al. 2020, arXiv:2002.03432"};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size, relative to the parameter");
    f("min_norm", min_norm, range::positive, "what shorter parameters and gradients count as");
  }
  auto measure(Now) const {
    return [](auto p, auto g) { return std::array{p * p, g * g}; };
  }
  auto step(Now now) const {
    const auto norm = [this](double sum) { return sum > min_norm * min_norm ? std::sqrt(sum) : min_norm; };
    return [rate = lr * norm(now.sums[0]) / norm(now.sums[1]), shrink = 1 / std::sqrt(1 + lr * lr)](auto& p, auto g) {
      p = shrink * (p - rate * g);
    };
  }
};

/// v = beta2 v + (1 - beta2) |g|^2, one number for each tensor, the first v = |g|^2;
/// m = beta1 m + g / (sqrt(v) + eps) + weight_decay p;  p -= lr m.
struct NovoGrad {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.25};
  double eps = 1e-6;
  bool grad_averaging = false;
  static constexpr const char* name = "novograd";
  static constexpr About about{"momentum of gradients normalised by tensor", "Ginsburg et al. 2019, arXiv:1905.11286"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Slot slots[] = {{"exp_avg"}};
  static constexpr Number numbers[] = {{"exp_avg_sq"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the momentum and of the gradient's squared norm");
    f("eps", eps, range::nonnegative, "added to the norm");
    f("grad_averaging", grad_averaging, "weigh the gradient by 1 - betas[0]");
  }
  auto measure(Now) const {
    return [](auto, auto g, auto&) { return std::array{g * g}; };
  }
  void gather(Now now) const {
    double& v = now.numbers[0];
    v = now.t == 1 ? now.sums[0] : betas[1] * v + (1 - betas[1]) * now.sums[0];
  }
  auto step(Now now) const {
    const double scale = 1 / (std::sqrt(now.numbers[0]) + eps);
    const double weight = now.t > 1 && grad_averaging ? 1 - betas[0] : 1;
    return [*this, scale, weight, decay = now.weight_decay](auto& p, auto g, auto& m) {
      m = betas[0] * m + weight * (scale * g + decay * p);
      p -= lr * m;
    };
  }
};

/// AdamW without bias correction but with betas that begin at 0, its lr divided by the root mean square of
/// g / sqrt(v) where that exceeds 1.
struct StableAdamW : Moments {
  StableAdamW() : Moments{.betas = {0.9, 0.99}} {}
  static constexpr const char* name = "stable_adamw";
  static constexpr About about{"AdamW with each tensor's update clipped", "Wortsman et al. 2023, arXiv:2304.13013"};
  static constexpr Shared shared{1e-2, Decay::within};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  static constexpr bool settled = true;
  auto measure(Now now) const {
    const auto debiased = [&](double beta) { return (std::pow(beta, now.t) - beta) / (std::pow(beta, now.t) - 1); };
    return [b1 = debiased(betas[0]), b2 = debiased(betas[1]), least = eps * eps](auto, auto g, auto& m, auto& v) {
      m = b1 * m + (1 - b1) * g;
      v = b2 * v + (1 - b2) * g * g;
      return std::array{g * g / max(v, decltype(v + v)(least))};
    };
  }
  auto step(Now now) const {
    const double rms = std::sqrt(now.sums[0] / now.size), rate = rms > 1 ? lr / rms : lr;
    return [rate, eps = eps, decay = now.weight_decay](auto& p, auto, auto& m, auto& v) {
      p -= rate * (decay * p + m / (sqrt(v) + eps));
    };
  }
};

using layerwise = Family<Lamb, Lars, Fromage, NovoGrad, StableAdamW>;

}  // namespace xgrad::optim::inline XGRAD_ISA
