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
  static constexpr Traits traits{.reach = Reach::all};
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

/// The step along the momentum m at which the loss's model, from averages of loss, gradient and <gradient, parameter>,
/// reaches lower_bound, at most lr. Averages are over all parameters.
struct Momo {
  double lr = 1, beta = 0.9, lower_bound = 0;
  static constexpr const char* name = "momo";
  static constexpr About about{"momentum with a model of the loss that chooses the step size",
                               "Schaipp et al. 2023, arXiv:2305.07583"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Scope scope = Scope::all;
  static constexpr bool needs_loss = true;
  static constexpr Traits traits{.reach = Reach::all};
  static constexpr Slot slots[] = {{"exp_avg"}};
  static constexpr Number numbers[] = {{"mean_loss"}, {"mean_product"}, {"rate"}};
  static constexpr bool settled = true;
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "the largest step size");
    f("beta", beta, range::beta, "decay of the averages");
    f("lower_bound", lower_bound, range::any, "a lower bound of the loss");
  }
  double decay(Now now) const { return now.t == 1 ? 0 : beta; }  // the first averages are the first values
  auto measure(Now now) const {
    return [beta = decay(now)](auto p, auto g, auto& m) {
      m = beta * m + (1 - beta) * g;
      return std::array{g * p, m * m, m * p};
    };
  }
  void gather(Now now) const {
    constexpr double kTiny = 2.220446049250313e-16;
    double &loss = now.numbers[0], &product = now.numbers[1];
    loss = decay(now) * loss + (1 - decay(now)) * now.loss;
    product = decay(now) * product + (1 - decay(now)) * now.sums[0];
    const double gap = (1 + lr * now.weight_decay) * (loss - lower_bound - product) + now.sums[2];
    const double size = now.sums[1] <= kTiny || gap < 0 ? 0 : gap / now.sums[1];
    now.numbers[2] = size < lr ? size : lr;
  }
  auto step(Now now) const {
    return [rate = now.numbers[2], decay = lr * now.weight_decay / (1 + lr * now.weight_decay)](
               auto& p, auto, auto& m) { p -= decay * p + rate * m; };
  }
};

/// Momo with Adam's mean square as the metric.
struct MomoAdam {
  double lr = 1e-2;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8, lower_bound = 0;
  static constexpr const char* name = "momo_adam";
  static constexpr About about{"Adam with a model of the loss that chooses the step size",
                               "Schaipp et al. 2023, arXiv:2305.07583"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Scope scope = Scope::all;
  static constexpr bool needs_loss = true;
  static constexpr Traits traits{.reach = Reach::all};
  static constexpr Slot slots[] = {{"exp_avg"}, {"exp_avg_sq"}};
  static constexpr Number numbers[] = {{"mean_loss"}, {"mean_product"}, {"rate"}};
  static constexpr bool settled = true;
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "the largest step size");
    f("betas", betas, range::beta, "decay of the averages and of the mean square of the gradient");
    f("eps", eps, range::positive, "added to the root of the mean square");
    f("lower_bound", lower_bound, range::any, "a lower bound of the loss");
  }
  double root(Now now) const { return 1 / std::sqrt(1 - std::pow(betas[1], now.t)); }
  auto measure(Now now) const {
    return [*this, root = root(now)](auto p, auto g, auto& m, auto& v) {
      m = betas[0] * m + (1 - betas[0]) * g;
      v = betas[1] * v + (1 - betas[1]) * g * g;
      return std::array{g * p, m * m / (eps + root * sqrt(v)), m * p};
    };
  }
  void gather(Now now) const {
    constexpr double kTiny = 2.220446049250313e-16;
    double &loss = now.numbers[0], &product = now.numbers[1];
    const double correction = 1 - std::pow(betas[0], now.t), largest = lr / correction;
    loss = betas[0] * loss + (1 - betas[0]) * now.loss;
    product = betas[0] * product + (1 - betas[0]) * now.sums[0];
    const double gap = (1 + lr * now.weight_decay) * (loss - correction * lower_bound - product) + now.sums[2];
    const double size = now.sums[1] <= kTiny || gap < 0 ? 0 : gap / now.sums[1];
    now.numbers[2] = size < largest ? size : largest;
  }
  auto step(Now now) const {
    return [rate = now.numbers[2], root = root(now), eps = eps,
            decay = lr * now.weight_decay / (1 + lr * now.weight_decay)](auto& p, auto, auto& m, auto& v) {
      p -= decay * p + rate * m / (eps + root * sqrt(v));
    };
  }
};

using polyak = Family<PolyakSgd, Momo, MomoAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
