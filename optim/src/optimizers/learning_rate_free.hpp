// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// r = max(r, |p - p0|), G += |g|^2, norms over all parameters;  p -= lr r / sqrt(G + eps) g. The first r is
/// reps_rel (1 + |p0|).
struct Dog {
  double lr = 1, reps_rel = 1e-6, eps = 1e-8;
  static constexpr const char* name = "dog";
  static constexpr About about{"distance over gradients: no step size to tune",
                               "Ivgi, Hinder, Carmon 2023, arXiv:2302.12022"};
  static constexpr Scope scope = Scope::all;
  static constexpr Traits traits{.descends_at = 1};
  static constexpr Slot slots[] = {{"start", nullptr, nullptr, true}};
  static constexpr Number numbers[] = {{"distance"}, {"squares"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "multiplies the step that the distance gives");
    f("reps_rel", reps_rel, range::positive, "the first distance, relative to the parameters");
    f("eps", eps, range::nonnegative, "added to the sum of squares");
  }
  auto measure(Now) const {
    return [](auto p, auto g, auto& start) { return std::array{(p - start) * (p - start), g * g, start * start}; };
  }
  void gather(Now now) const {
    double& distance = now.numbers[0];
    if (distance == 0) distance = reps_rel * (1 + std::sqrt(now.sums[2]));
    distance = distance > std::sqrt(now.sums[0]) ? distance : std::sqrt(now.sums[0]);
    now.numbers[1] += now.sums[1];
  }
  auto step(Now now) const {
    return [rate = lr * now.numbers[0] / std::sqrt(now.numbers[1] + eps)](auto& p, auto g, auto&) { p -= rate * g; };
  }
};

/// r = max(r, |p - p0|^2), v += r |g|^2, norms over all parameters;  p -= lr r / (sqrt(v) + eps) g. The first r is eps.
struct DowG {
  double lr = 1, eps = 1e-4;
  static constexpr const char* name = "dowg";
  static constexpr About about{"distance over weighted gradients: no step size to tune",
                               "Khaled, Mishchenko, Jin 2023, arXiv:2305.16284"};
  static constexpr Scope scope = Scope::all;
  static constexpr Traits traits{.descends_at = 1};
  static constexpr Slot slots[] = {{"start", nullptr, nullptr, true}};
  static constexpr Number numbers[] = {{"squared_distance", "eps"}, {"squares"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "multiplies the step that the distance gives");
    f("eps", eps, range::positive, "the first squared distance; added to the root");
  }
  auto measure(Now) const {
    return [](auto p, auto g, auto& start) { return std::array{(p - start) * (p - start), g * g}; };
  }
  void gather(Now now) const {
    double& distance = now.numbers[0];
    distance = distance > now.sums[0] ? distance : now.sums[0];
    now.numbers[1] += distance * now.sums[1];
  }
  auto step(Now now) const {
    return [rate = lr * now.numbers[0] / (std::sqrt(now.numbers[1]) + eps)](auto& p, auto g, auto&) { p -= rate * g; };
  }
};

/// What the two Adams share that find their step size.
struct FoundStepSize {
  double lr = 1;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8, d0 = 1e-6;
  std::optional<double> growth_rate;
  bool use_bias_correction = false;
  static constexpr Scope scope = Scope::all;
  static constexpr Traits traits{.descends_at = 1};
  static constexpr bool settled = true;
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "multiplies the step size that is found; 0 freezes a group");
    f("betas", betas, range::beta, "decay of the mean and of the mean square of the gradient");
    f("eps", eps, range::nonnegative, "added to the root of the mean square (prodigy: times d)");
    f("d0", d0, range::positive, "the first step size");
    f("growth_rate", growth_rate, Range{1}, "how much the step size may grow in a step; default without limit");
    f("use_bias_correction", use_bias_correction, "correct Adam's averages for their zero start");
  }
  /// What the estimate d is multiplied by.
  double factor(Now now) const {
    return lr * (use_bias_correction ? std::sqrt(1 - std::pow(betas[1], now.t)) / (1 - std::pow(betas[0], now.t)) : 1);
  }
};

/// Adam whose step size d is an estimate of the distance to the solution, over all parameters: numerator = sum of
/// d / d0 lr <g, p0 - p>, denominator = |s|_1 with s = beta3 s + d^2 / d0 lr g. All groups share d; a group whose lr is
/// 0 stands still.
struct Prodigy : FoundStepSize {
  std::optional<double> beta3;
  double d_coef = 1;
  bool safeguard_warmup = false;
  static constexpr const char* name = "prodigy";
  static constexpr About about{"Adam that finds its step size", "Mishchenko, Defazio 2023, arXiv:2306.06101"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Slot slots[] = {
      {"start", nullptr, nullptr, true}, {"s", nullptr, nullptr, false, true}, {"exp_avg"}, {"exp_avg_sq"}};
  static constexpr Number numbers[] = {{"d", "d0"}, {"d_max", "d0"}, {"numerator"}, {"d_step"}};
  void describe(Fields& f) {
    FoundStepSize::describe(f);
    f("beta3", beta3, range::beta, "decay of the estimate's sums; default the root of betas[1]");
    f("d_coef", d_coef, range::positive, "multiplies the estimate");
    f("safeguard_warmup", safeguard_warmup, "leave lr out of the denominator: for long warm-ups");
  }
  double decay3() const { return beta3 ? *beta3 : std::sqrt(betas[1]); }
  auto measure(Now now) const {
    const double d = now.numbers[0], rate = d * factor(now);
    return [*this, d, beta3 = decay3(), weight = d / d0 * rate,
            s_weight = d / d0 * (safeguard_warmup ? d : rate)](auto p, auto g, auto& start, auto& s, auto& m, auto& v) {
      m = betas[0] * m + d * (1 - betas[0]) * g;
      v = betas[1] * v + d * d * (1 - betas[1]) * g * g;
      s = beta3 * s + s_weight * g;
      return std::array{weight * g * (start - p), abs(s)};
    };
  }
  void gather(Now now) const {
    double &d = now.numbers[0], &d_max = now.numbers[1], &numerator = now.numbers[2], &d_step = now.numbers[3];
    d_step = 0;  // nothing moves until a gradient was seen
    if (now.sums[1] == 0) return;
    d_step = d;
    numerator = decay3() * numerator + now.sums[0];
    const double estimate = d_coef * numerator / now.sums[1];
    if (d == d0 && estimate > d) d = estimate;
    if (estimate > d_max) d_max = estimate;
    const double limit = growth_rate ? d * *growth_rate : d_max;
    d = d_max < limit ? d_max : limit;
  }
  auto step(Now now) const {
    const double rate = now.numbers[3] * factor(now);  // the step size that the averages were made with
    return [rate, eps = now.numbers[0] * eps, decay = rate * now.weight_decay](
               auto& p, auto, auto&, auto&, auto& m, auto& v) { p -= decay * p + rate * m / (sqrt(v) + eps); };
  }
};

/// Adam whose step size d grows to a lower bound of the distance to the solution, over all parameters:
/// d = numerator / ((1 - sqrt(beta2)) |s|_1) with the gradients' mean s and the mean of lr d <g, s / (sqrt(v) + eps)>.
struct DAdaptAdam : FoundStepSize {
  static constexpr const char* name = "dadapt_adam";
  static constexpr About about{"Adam that finds its step size from below",
                               "Defazio, Mishchenko 2023, arXiv:2301.07733"};
  static constexpr Shared shared{.within = true};
  static constexpr Slot slots[] = {{"s", nullptr, nullptr, false, true}, {"exp_avg"}, {"exp_avg_sq"}};
  static constexpr Number numbers[] = {{"d", "d0"}, {"numerator"}, {"d_step"}};
  auto measure(Now now) const {
    return [*this, rate = now.numbers[0] * factor(now), root = std::sqrt(betas[1])](auto, auto g, auto& s, auto& m,
                                                                                    auto& v) {
      const auto along = rate * g * s / (sqrt(v) + eps);
      m = betas[0] * m + rate * (1 - betas[0]) * g;
      v = betas[1] * v + (1 - betas[1]) * g * g;
      s = root * s + rate * (1 - root) * g;
      return std::array{along, abs(s)};
    };
  }
  void gather(Now now) const {
    double &d = now.numbers[0], &numerator = now.numbers[1], &d_step = now.numbers[2];
    d_step = 0;
    if (now.sums[1] == 0) return;
    d_step = d;
    const double root = std::sqrt(betas[1]);
    numerator = root * numerator + (1 - root) * now.sums[0];
    double estimate = numerator / ((1 - root) * now.sums[1]);
    if (growth_rate && estimate > d * *growth_rate) estimate = d * *growth_rate;
    if (estimate > d) d = estimate;
  }
  auto step(Now now) const {
    const double moves = now.numbers[2] > 0 ? 1 : 0;
    return [moves, eps = eps, decay = now.numbers[2] * factor(now) * now.weight_decay](
               auto& p, auto, auto&, auto& m, auto& v) { p -= decay * p + moves * m / (sqrt(v) + eps); };
  }
};

using learning_rate_free = Family<Dog, DowG, Prodigy, DAdaptAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
