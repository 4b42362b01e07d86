// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "tensor_rules/math.hpp"

namespace xgrad::optim::tensor_rules {

/// The two axes along which a mean square is kept as means instead of in full.
struct Axes2 {
  std::int64_t row, column;  ///< averaged away in the row means, in the column means
};

/// Advances row and column means of `squares` by `weight`.
template <class T>
void advance_means(Tensor<T>& row, Tensor<T>& column, const Tensor<T>& squares, Axes2 axes, double weight) {
  row = toward(row, mean(squares, {axes.row}, true), weight);
  column = toward(column, mean(squares, {axes.column}, true), weight);
}
/// 1 / root of the mean square that the means stand for.
template <class T> Tensor<T> inverse_root(const Tensor<T>& row, const Tensor<T>& column, Axes2 axes) {
  return rsqrt(row / mean(row, {axes.column}, true)) * rsqrt(column);
}

/// Adam's step without momentum whose mean square is kept as row and column means. Three programs disagree on the
/// rest: torch (torch.optim.Adafactor), hf (Hugging Face, fairseq), optax.
struct Adafactor {
  static constexpr double kDefaultLr = 1e-2;
  double lr = kDefaultLr, beta2_decay = -0.8, beta2_cap = 1, eps2 = 1e-3, d = 1;
  std::optional<double> eps1, beta1;
  std::int64_t min_dim_size_to_factor = 128, decay_offset = 0;
  enum : int { torch, hf, optax };
  int variant = torch;
  bool scale_parameter = true, relative_step = true, warmup_init = false;
  static constexpr const char* name = "adafactor";
  static constexpr About about{"adaptive steps with a mean square kept as rows and columns",
                               "Shazeer, Stern 2018, arXiv:1804.04235"};
  static constexpr Shared shared{0, Decay::within};
  static constexpr Traits traits{.reach = Reach::tensor};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size (torch: at most 1 / sqrt(t); hf: only without relative_step)");
    f("variant", variant, config::OneOf{"torch|hf|optax"}, "whose program to follow");
    f("beta2_decay", beta2_decay, Range{-range::kInfinity, 0}, "the mean square's weight of a new value is t to this");
    f("beta2_cap", beta2_cap, range::unit, "the largest decay of the mean square (timm's AdafactorBigVision: 0.999)");
    f("eps1", eps1, range::nonnegative, "added to squares; default the precision of the type (torch), 1e-30 (others)");
    f("eps2", eps2, range::nonnegative, "the least root mean square of a parameter");
    f("d", d, range::positive, "the largest root mean square of an update; torch: at least 1");
    f("beta1", beta1, range::beta, "decay of the updates' mean (hf, optax); default none");
    f("min_dim_size_to_factor", min_dim_size_to_factor, range::count, "axes from this size are factored (optax)");
    f("decay_offset", decay_offset, range::nonnegative, "steps that beta2_decay does not count (optax)");
    f("scale_parameter", scale_parameter, "steps in proportion to the parameter (hf, optax)");
    f("relative_step", relative_step, "steps of min(0.01, 1 / sqrt(t)) in place of lr (hf)");
    f("warmup_init", warmup_init, "begin with steps of 1e-6 t (hf); needs relative_step");
  }
  const char* check() const {
    if (variant == torch && d < 1) return "d must be at least 1 in variant torch";
    if (variant != hf) return nullptr;
    if (relative_step && lr != kDefaultLr) return "variant hf with relative_step has steps of its own, no lr";
    return warmup_init && !relative_step ? "warmup_init needs relative_step" : nullptr;
  }
  /// The last two axes, or (optax) the two largest; nothing if the mean square is kept in full.
  std::optional<Axes2> factored(const Shape& p) const {
    const auto rank = static_cast<std::int64_t>(p.rank());
    if (rank < 2) return std::nullopt;
    if (variant != optax) return Axes2{rank - 1, rank - 2};
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < rank; ++i) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return p[static_cast<std::size_t>(a)] < p[static_cast<std::size_t>(b)];
    });
    const Axes2 axes{order.end()[-1], order.end()[-2]};
    if (p[static_cast<std::size_t>(axes.column)] < min_dim_size_to_factor) return std::nullopt;
    return axes;
  }
  std::vector<StateArray> arrays(const Shape& p) const {
    std::vector<StateArray> result;
    if (const auto axes = factored(p))
      result = {{"row_var", reduced(p, static_cast<std::size_t>(axes->row))},
                {"col_var", reduced(p, static_cast<std::size_t>(axes->column))}};
    else
      result = {{"variance", p}};
    if (beta1 && variant != torch) result.push_back({"exp_avg", p});
    return result;
  }

  template <class T> Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now& now) const {
    const auto axes = factored(p.shape());
    const double least = eps1               ? *eps1
                         : variant == torch ? static_cast<double>(std::numeric_limits<T>::epsilon())
                                            : 1e-30;
    const double weight =
        std::max(1 - beta2_cap, std::pow(std::max(1.0, now.t - static_cast<double>(decay_offset)), beta2_decay));
    const Tensor<T> squares = variant == torch ? square(g) : square(g) + least;
    if (axes)
      advance_means(state[0], state[1], squares, *axes, weight);
    else
      state[0] = toward(state[0], squares, weight);
    const double size = std::max(eps2, rms(p));
    if (variant == torch) {
      const Tensor<T> v = axes ? state[0] * state[1] / maximum(mean(state[0], {axes->column}, true), least) : state[0];
      const Tensor<T> u = g * rsqrt(maximum(v, least * least));
      const double rate = size * std::min(lr, 1 / std::sqrt(now.t));
      return rate / std::max(1.0, rms(u) / d) * u + lr * now.weight_decay * p;
    }
    Tensor<T> u = g * (axes ? inverse_root(state[0], state[1], *axes) : rsqrt(state[0]));
    const double relative = std::min(warmup_init ? 1e-6 * now.t : 1e-2, 1 / std::sqrt(now.t));
    const double rate = (variant == hf && relative_step ? relative : lr) * (scale_parameter ? size : 1);
    u = rate / std::max(1.0, rms(u) / d) * u;
    if (beta1) {
      Tensor<T>& average = state[axes ? 2 : 1];
      u = average = toward(average, u, 1 - *beta1);
    }
    return u + (variant == hf ? rate : 1) * now.weight_decay * p;
  }
};

/// Adafactor with momentum, whose steps shrink where they differ from it.
struct Came {
  double lr = 2e-4, clip_threshold = 1;
  std::array<double, 3> betas{0.9, 0.999, 0.9999};
  std::array<double, 2> eps{1e-30, 1e-16};
  static constexpr const char* name = "came";
  static constexpr About about{"Adafactor guided by its confidence", "Luo et al. 2023, arXiv:2307.02047"};
  static constexpr Shared shared{0, Decay::decoupled};
  static constexpr Traits traits{.reach = Reach::tensor, .float_tolerance = 2e-2};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the updates' mean, of the mean square, and of the distance between them");
    f("eps", eps, range::nonnegative, "added to squares of gradients and of distances");
    f("clip_threshold", clip_threshold, range::positive, "the largest root mean square of an update");
  }
  std::vector<StateArray> arrays(const Shape& p) const {
    if (p.rank() < 2) return {{"exp_avg", p}, {"exp_avg_sq", p}};
    const Shape row = reduced(p, p.rank() - 1), column = reduced(p, p.rank() - 2);
    return {{"exp_avg", p}, {"row_var", row}, {"col_var", column}, {"row_distance", row}, {"col_distance", column}};
  }

  template <class T> Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now&) const {
    const auto rank = static_cast<std::int64_t>(p.rank());
    const bool factored = rank >= 2;
    const Axes2 axes{rank - 1, rank - 2};
    const Tensor<T> squares = square(g) + eps[0];
    Tensor<T> u;
    if (factored) {
      advance_means(state[1], state[2], squares, axes, 1 - betas[1]);
      u = inverse_root(state[1], state[2], axes) * g;
    } else {
      state[1] = toward(state[1], squares, 1 - betas[1]);
      u = g * rsqrt(state[1]);
    }
    u = u / std::max(1.0, rms(u) / clip_threshold);
    Tensor<T>& m = state[0];
    m = toward(m, u, 1 - betas[0]);
    if (!factored) return lr * m;
    advance_means(state[3], state[4], square(u - m) + eps[1], axes, 1 - betas[2]);
    return lr * inverse_root(state[3], state[4], axes) * m;
  }
};

/// Adagrad whose sum of squares is the least of one number for each row, column, ... of the tensor.
struct Sm3 {
  double lr = 1e-1, momentum = 0.9, eps = 1e-8;
  static constexpr const char* name = "sm3";
  static constexpr About about{"Adagrad with one vector of sums for each axis",
                               "Anil, Gupta, Koren, Singer 2019, arXiv:1901.11150"};
  static constexpr Traits traits{.reach = Reach::tensor};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::beta, "decay of the updates' mean");
    f("eps", eps, range::nonnegative, "added to the sum under the root");
  }
  std::vector<StateArray> arrays(const Shape& p) const {
    std::vector<StateArray> result{{"exp_avg", p}};
    if (p.rank() < 2) result.push_back({"sum", p});
    for (std::size_t axis = 0; p.rank() >= 2 && axis < p.rank(); ++axis) {
      Shape shape = p;
      for (std::size_t other = 0; other < p.rank(); ++other)
        if (other != axis) shape[other] = 1;
      result.push_back({"sum_" + std::to_string(axis), shape});
    }
    return result;
  }

  template <class T> Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now&) const {
    const std::size_t rank = std::max<std::size_t>(p.rank(), 1);
    Tensor<T> least = state[1];
    for (std::size_t axis = 1; axis < rank; ++axis) least = minimum(least, state[1 + axis]);
    const Tensor<T> sums = least + square(g);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      std::array<std::int64_t, Shape::kMaxRank> others{};
      std::size_t count = 0;
      for (std::size_t other = 0; other < rank; ++other)
        if (other != axis) others[count++] = static_cast<std::int64_t>(other);
      state[1 + axis] = count == 0 ? sums : amax(sums, Axes(std::span(others).first(count)), true);
    }
    Tensor<T>& m = state[0];
    m = toward(m, where(sums > 0, g * rsqrt(sums + eps), 0), 1 - momentum);
    return lr * m;
  }
};

}  // namespace xgrad::optim::tensor_rules
