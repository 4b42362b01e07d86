// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "tensor_rules/math.hpp"

namespace xgrad::optim::tensor_rules {

/// A step without its part along the parameter where the gradient shows that the parameter's scale does not matter:
/// where their cosine is small, for each output channel or, failing that, for the whole tensor.
struct Projection {
  double eps = 1e-8, delta = 0.1, wd_ratio = 0.1;
  static constexpr Shared shared{0, Decay::within};
  static constexpr Traits traits{.reach = Reach::tensor};
  void describe(Fields& f) {
    f("delta", delta, range::nonnegative, "the cosine of parameter and gradient below which steps are projected");
    f("wd_ratio", wd_ratio, range::unit, "share of the weight decay that projected parameters get");
  }

  template <class T> struct Step {
    Tensor<T> step;
    double decay;  ///< share of the weight decay
  };
  template <class T> Step<T> project(const Tensor<T>& p, const Tensor<T>& g, const Tensor<T>& step) const {
    if (p.rank() < 2) return {step, 1};
    const auto channels = p.shape()[0];
    for (const std::int64_t rows : {channels, std::int64_t{1}}) {
      const Shape view{rows, elements(p.shape()) / rows};
      const Tensor<T> x = reshape(p, view), y = reshape(g, view), u = reshape(step, view);
      const Tensor<T> x_norm = sqrt(sum(square(x), {1}, true)), y_norm = sqrt(sum(square(y), {1}, true));
      const Tensor<T> cosine = abs(sum(x * y, {1}, true)) / (maximum(x_norm, eps) * maximum(y_norm, eps));
      if (!(static_cast<double>(amax(cosine).item()) < delta / std::sqrt(static_cast<double>(view[1])))) continue;
      const Tensor<T> along = x / (x_norm + eps);
      return {reshape(u - along * sum(along * u, {1}, true), p.shape()), wd_ratio};
    }
    return {step, 1};
  }
};

/// Adam with decoupled weight decay whose steps do not lengthen scale-invariant parameters.
struct AdamP : Projection {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  bool nesterov = false;
  static constexpr const char* name = "adamp";
  static constexpr About about{"AdamW that leaves the length of scale-invariant weights alone",
                               "Heo et al. 2020, arXiv:2006.08217"};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the mean and of the mean square of the gradient");
    f("eps", eps, range::nonnegative, "added to the root of the mean square, and to norms");
    Projection::describe(f);
    f("nesterov", nesterov, "look ahead along the mean");
  }
  std::vector<StateArray> arrays(const Shape& p) const { return {{"exp_avg", p}, {"exp_avg_sq", p}}; }

  template <class T> Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now& now) const {
    Tensor<T>&m = state[0], &v = state[1];
    m = toward(m, g, 1 - betas[0]);
    v = toward(v, square(g), 1 - betas[1]);
    const double root = 1 / std::sqrt(1 - std::pow(betas[1], now.t));
    const Tensor<T> u = (nesterov ? toward(m, g, 1 - betas[0]) : m) / (root * sqrt(v) + eps);
    const Step<T> projected = project(p, g, u);
    return lr / (1 - std::pow(betas[0], now.t)) * projected.step + lr * now.weight_decay * projected.decay * p;
  }
};

/// SGD with momentum, projected in the same way.
struct SgdP : Projection {
  double lr = 1e-1, momentum = 0, dampening = 0;
  bool nesterov = false;
  static constexpr const char* name = "sgdp";
  static constexpr About about{"momentum that leaves the length of scale-invariant weights alone",
                               "Heo et al. 2020, arXiv:2006.08217"};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::beta, "weight of the previous direction");
    f("dampening", dampening, range::unit, "what the gradient's weight in the momentum is short of 1");
    f("eps", eps, range::nonnegative, "added to norms");
    Projection::describe(f);
    f("nesterov", nesterov, "look ahead along the momentum");
  }
  std::vector<StateArray> arrays(const Shape& p) const { return {{"momentum_buffer", p}}; }

  template <class T> Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now& now) const {
    Tensor<T>& b = state[0];
    b = momentum * b + (1 - dampening) * g;
    const Step<T> projected = project(p, g, nesterov ? g + momentum * b : b);
    return lr * (projected.step + now.weight_decay * projected.decay / (1 - momentum) * p);
  }
};

}  // namespace xgrad::optim::tensor_rules
