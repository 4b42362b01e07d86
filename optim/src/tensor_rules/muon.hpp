// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "tensor_rules/math.hpp"

namespace xgrad::optim::tensor_rules {

/// b = momentum b + (1 - momentum) g;  p -= rate O with O the nearest orthogonal matrix to b (nesterov: to g +
/// momentum (b - g)), by ns_steps of a quintic Newton-Schulz iteration. A tensor of higher rank is a matrix of its
/// first axis by the others. As torch.optim.Muon, in full precision. variant "optax": the mean and the gradient are
/// corrected for the mean's zero start, the iteration begins with x / (|x| + eps), and rows are the inputs.
struct Muon {
  double lr = 1e-3, momentum = 0.95, eps = 1e-7, fallback_lr_scale = 1;
  config::FewNumbers ns_coefficients{3.4445, -4.7750, 2.0315};
  std::int64_t ns_steps = 5, min_size = 2;
  std::optional<double> max_aspect;
  int adjust_lr_fn = 0, ns_preset = 0, variant = 0;
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
      "a, b, c: a x + b x^3 + c x^5, which each iteration does to singular values; or three for each iteration");
    f("ns_steps", ns_steps, Range{1, 99}, "iterations, if all are the same");
    f("ns_preset", ns_preset, config::OneOf{"custom|standard|polar_express"},
      "custom: the two above; standard: their defaults; polar_express: five iterations, each its own (Dion)");
    f("eps", eps, range::positive, "the least norm to divide by");
    f("adjust_lr_fn", adjust_lr_fn, config::OneOf{"original|match_rms_adamw"},
      "lr sqrt(max(1, rows / columns)), or 0.2 lr sqrt(max(rows, columns)): as large as AdamW's");
    f("variant", variant, config::OneOf{"torch|optax"}, "whose program to follow");
    f("min_size", min_size, Range{2}, "matrices with fewer rows or columns go to the fallback (timm: 4)");
    f("max_aspect", max_aspect, Range{1},
      "matrices longer than this many times their width go to the fallback (timm: 128); null: none do");
    f("fallback_lr_scale", fallback_lr_scale, range::nonnegative, "lr of the fallback, which has the other parameters");
  }
  const char* check() const { return ns_coefficients.count % 3 == 0 ? nullptr : "ns_coefficients come in threes"; }
  bool fits(const Shape& p) const {
    if (p.rank() < 2 || p.size() == 0) return false;
    const auto [least, most] = std::minmax({p[0], elements(p) / p[0]});
    return least >= min_size && (!max_aspect || static_cast<double>(most) <= *max_aspect * static_cast<double>(least));
  }
  std::vector<StateArray> arrays(const Shape& p) const { return {{"momentum_buffer", p}}; }

  template <class T> Tensor<T> tensor(const Tensor<T>&, const Tensor<T>& g, Tensor<T>* state, const Now& now) const {
    Tensor<T>& b = state[0];
    b = toward(b, g, 1 - momentum);
    const auto rows = g.shape()[0], columns = elements(g.shape()) / rows;
    Tensor<T> x = reshape(direction(g, b, now.t), {rows, columns});
    if (rows > columns) x = transpose(x);
    const double norm = frobenius_norm(x);
    x = x / (variant == 0 ? std::max(norm, eps) : norm + eps);
    for (std::size_t i = 0; i < iterations(); ++i) {
      const Coefficients c = coefficients(i);
      const Tensor<T> a = matmul(x, transpose(x));
      x = c[0] * x + matmul(c[1] * a + c[2] * matmul(a, a), x);
    }
    if (rows > columns) x = transpose(x);
    auto m = static_cast<double>(rows), n = static_cast<double>(columns);
    if (variant == 1) std::swap(m, n);
    const double scale = adjust_lr_fn == 0 ? std::sqrt(std::max(1.0, m / n)) : 0.2 * std::sqrt(std::max(m, n));
    return reshape(lr * scale * x, g.shape());
  }

 private:
  /// What is made orthogonal.
  template <class T> Tensor<T> direction(const Tensor<T>& g, const Tensor<T>& b, double t) const {
    const auto corrected = [&](double at) { return variant == 0 ? 1 : 1 / (1 - std::pow(momentum, at)); };
    if (!nesterov) return corrected(t) * b;
    return momentum * corrected(t + 1) * b + (1 - momentum) * corrected(t) * g;
  }
  using Coefficients = std::array<double, 3>;
  static constexpr std::array<Coefficients, 5> kPolarExpress{{{4.0848, -6.8946, 2.9270},
                                                              {3.9505, -6.3029, 2.6377},
                                                              {3.7418, -5.5913, 2.3037},
                                                              {2.8769, -3.1427, 1.2046},
                                                              {2.8366, -3.0525, 1.2012}}};
  static constexpr Coefficients kStandard{3.4445, -4.7750, 2.0315};
  std::size_t iterations() const {
    const std::size_t listed = ns_coefficients.count / 3;
    return ns_preset != 0 ? 5 : listed > 1 ? listed : static_cast<std::size_t>(ns_steps);
  }
  Coefficients coefficients(std::size_t i) const {
    if (ns_preset != 0) return ns_preset == 1 ? kStandard : kPolarExpress[i];
    const double* const c = ns_coefficients.values + (ns_coefficients.count > 3 ? 3 * i : 0);
    return {c[0], c[1], c[2]};
  }
};

}  // namespace xgrad::optim::tensor_rules
