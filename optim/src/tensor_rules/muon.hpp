// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "tensor_rules/math.hpp"

namespace xgrad::optim::tensor_rules {

/// b = momentum b + (1 - momentum) g;  p -= rate O with O the nearest orthogonal matrix to b (nesterov: to g +
/// momentum (b - g)), by ns_steps of a quintic Newton-Schulz iteration. A tensor of higher rank is a matrix of its
/// first axis by the others. As torch.optim.Muon, in full precision.
struct Muon {
  double lr = 1e-3, momentum = 0.95, eps = 1e-7, fallback_lr_scale = 1;
  std::array<double, 3> ns_coefficients{3.4445, -4.7750, 2.0315};
  std::int64_t ns_steps = 5;
  int adjust_lr_fn = 0;
  bool nesterov = true;
  static constexpr const char* name = "muon";
  static constexpr About about{"orthogonalised momentum for matrices",
                               "Jordan et al. 2024, \"Muon: an optimizer for hidden layers\"; arXiv:2502.16982"};
  static constexpr Shared shared{0.1, Decay::decoupled};
  static constexpr Traits traits{.reach = Reach::tensor, .float_tolerance = 1e-2};
  static constexpr const char* fallback = "adamw";
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::beta, "decay of the gradient's mean");
    f("nesterov", nesterov, "look ahead along the mean");
    f("ns_coefficients", ns_coefficients, range::any,
      "a x + b x^3 + c x^5, which each iteration does to singular values");
    f("ns_steps", ns_steps, Range{1, 99}, "iterations");
    f("eps", eps, range::positive, "the least norm to divide by");
    f("adjust_lr_fn", adjust_lr_fn, config::OneOf{"original|match_rms_adamw"},
      "lr sqrt(max(1, rows / columns)), or 0.2 lr sqrt(max(rows, columns)): as large as AdamW's");
    f("fallback_lr_scale", fallback_lr_scale, range::nonnegative, "lr of the fallback, which has the other parameters");
  }
  bool fits(const Shape& p) const { return p.rank() >= 2 && p.size() > 0 && p[0] > 1 && elements(p) / p[0] > 1; }
  std::vector<StateArray> arrays(const Shape& p) const { return {{"momentum_buffer", p}}; }

  template <class T> Tensor<T> tensor(const Tensor<T>&, const Tensor<T>& g, Tensor<T>* state, const Now&) const {
    Tensor<T>& b = state[0];
    b = toward(b, g, 1 - momentum);
    const auto rows = g.shape()[0], columns = elements(g.shape()) / rows;
    Tensor<T> x = reshape(nesterov ? g + momentum * (b - g) : b, {rows, columns});
    if (rows > columns) x = transpose(x);
    x = x / std::max(frobenius_norm(x), eps);
    for (std::int64_t i = 0; i < ns_steps; ++i) {
      const Tensor<T> a = matmul(x, transpose(x));
      x = ns_coefficients[0] * x + matmul(ns_coefficients[1] * a + ns_coefficients[2] * matmul(a, a), x);
    }
    if (rows > columns) x = transpose(x);
    const auto m = static_cast<double>(rows), n = static_cast<double>(columns);
    const double scale = adjust_lr_fn == 0 ? std::sqrt(std::max(1.0, m / n)) : 0.2 * std::sqrt(std::max(m, n));
    return reshape(lr * scale * x, g.shape());
  }
};

}  // namespace xgrad::optim::tensor_rules
