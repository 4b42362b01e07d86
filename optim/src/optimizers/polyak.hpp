// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// p -= scaling s g with s = min((loss - f_min) / |scaling g|^2, lr), the norm over all parameters.
struct PolyakSgd {
  double lr = 1, scaling = 1, f_min = 0, eps = 0;
  bool plus = false;
  static constexpr const char* name = "polyak_sgd";
  static constexpr About about{"steps as long as the loss is above its least value",
                               "Polyak 1969; Loizou et al. 2020, arXiv:2002.10542"};
  static constexpr Scope scope = Scope::all;
  static constexpr bool needs_loss = true;
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "the largest step size");
    f("scaling", scaling, range::positive, "multiplies the gradient beforehand");
    f("f_min", f_min, range::any, "the least value of the loss");
    f("eps", eps, range::nonnegative, "added to the squared norm");
    f("plus", plus, "no step where the loss is below f_min (SPS+)");
  }
  auto measure(Now) const {
    return [scaling = scaling](auto, auto g) { return std::array{scaling * scaling * g * g}; };
  }
  auto step(Now now) const {
    constexpr double kTiny = 2.220446049250313e-16;
    const double squares = now.sums[0] + eps, gap = plus && now.loss < f_min ? 0 : now.loss - f_min;
    const double size = squares <= kTiny ? 0 : gap / squares < lr ? gap / squares : lr;
    return [rate = scaling * size](auto& p, auto g) { p -= rate * g; };
  }
};

/// What momo and momo_adam share: the step along the momentum m at which the loss's model, from averages of loss,
/// gradient and <gradient, parameter>, reaches lower_bound, at most lr. Averages are over all parameters.
struct LossModel {
  double lower_bound = 0;
  bool adapt_lower_bound = false;
  static constexpr Shared shared{0, Decay::within};
  static constexpr Scope scope = Scope::all;
  static constexpr bool needs_loss = true;
  static constexpr Number numbers[] = {{"mean_loss"}, {"mean_product"}, {"rate"}, {"bound", "lower_bound"}};
  static constexpr bool settled = true;
  void describe(Fields& f) {
    f("lower_bound", lower_bound, range::any, "a lower bound of the loss");
    f("adapt_lower_bound", adapt_lower_bound, "estimate a higher one on the way");
  }
  /// Advances the averages by the weight 1 - beta. The sums are <g, p>, |m|^2 in the step's norm, and <m, p>; m is
  /// `correction` times an unbiased mean.
  void gather(Now now, double lr, double beta, double correction) const {
    constexpr double kTiny = 2.220446049250313e-16;
    double &loss = now.numbers[0], &product = now.numbers[1], &rate = now.numbers[2], &bound = now.numbers[3];
    loss = beta * loss + (1 - beta) * now.loss;
    product = beta * product + (1 - beta) * now.sums[0];
    const double squares = now.sums[1], grown = 1 + lr * now.weight_decay, largest = lr / correction,
                 model = grown * (loss - product) + now.sums[2], scale = grown * correction;
    const auto at_least = [&](double x) { return x > lower_bound ? x : lower_bound; };
    if (adapt_lower_bound && model < scale * bound) bound = at_least(model / (2 * scale));
    const double gap = model - scale * bound, size = squares <= kTiny || gap < 0 ? 0 : gap / squares;
    rate = size < largest ? size : largest;
    if (adapt_lower_bound) bound = at_least((loss - product + now.sums[2] - rate * squares / 2) / correction);
  }
  /// Of the parameter, in a step.
  static double decay(double lr, Now now) { return lr * now.weight_decay / (1 + lr * now.weight_decay); }
};

struct Momo : LossModel {
  double lr = 1, beta = 0.9;
  static constexpr const char* name = "momo";
  static constexpr About about{"momentum with a model of the loss that chooses the step size",
                               "Schaipp et al. 2023, arXiv:2305.07583"};
  static constexpr Slot slots[] = {{"exp_avg", nullptr, nullptr, false, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "the largest step size");
    f("beta", beta, range::beta, "decay of the averages");
    LossModel::describe(f);
  }
  double beta_at(Now now) const { return now.t == 1 ? 0 : beta; }  // the first averages are the first values
  auto measure(Now now) const {
    return [beta = beta_at(now)](auto p, auto g, auto& m) {
      m = beta * m + (1 - beta) * g;
      return std::array{g * p, m * m, m * p};
    };
  }
  void gather(Now now) const { LossModel::gather(now, lr, beta_at(now), 1); }
  auto step(Now now) const {
    return [rate = now.numbers[2], decay = decay(lr, now)](auto& p, auto, auto& m) { p -= decay * p + rate * m; };
  }
};

/// The same along Adam's direction m / (sqrt(v / bc2) + eps).
struct MomoAdam : LossModel {
  double lr = 1e-2;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  static constexpr const char* name = "momo_adam";
  static constexpr About about{"Adam with a model of the loss that chooses the step size",
                               "Schaipp et al. 2023, arXiv:2305.07583"};
  static constexpr Slot slots[] = {{"exp_avg", nullptr, nullptr, false, true}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "the largest step size");
    f("betas", betas, range::beta, "decay of the averages and of the mean square of the gradient");
    f("eps", eps, range::positive, "added to the root of the mean square");
    LossModel::describe(f);
  }
  double root(Now now) const { return 1 / std::sqrt(1 - std::pow(betas[1], now.t)); }
  auto measure(Now now) const {
    return [betas = betas, eps = eps, root = root(now)](auto p, auto g, auto& m, auto& v) {
      m = betas[0] * m + (1 - betas[0]) * g;
      v = betas[1] * v + (1 - betas[1]) * g * g;
      return std::array{g * p, m * m / (eps + root * sqrt(v)), m * p};
    };
  }
  void gather(Now now) const { LossModel::gather(now, lr, betas[0], 1 - std::pow(betas[0], now.t)); }
  auto step(Now now) const {
    return [rate = now.numbers[2], root = root(now), eps = eps, decay = decay(lr, now)](
               auto& p, auto, auto& m, auto& v) { p -= decay * p + rate * m / (eps + root * sqrt(v)); };
  }
};

using polyak = Family<PolyakSgd, Momo, MomoAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
