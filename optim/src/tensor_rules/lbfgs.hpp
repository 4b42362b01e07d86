// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "tensor_rules/line_search.hpp"
#include "tensor_rules/math.hpp"

namespace xgrad::optim::tensor_rules {

/// Limited-memory BFGS over all parameters together, as torch.optim.LBFGS: up to max_iter iterations in one step, each
/// along minus an inverse Hessian from the last history_size changes of gradient, times the gradient. With the line
/// search "zoom" as optax.lbfgs (max_iter 1, history_size 10 there): the first step is at most 1 long, and every change
/// of positive curvature is remembered.
struct LBFGS {
  double lr = 1, tolerance_grad = 1e-7, tolerance_change = 1e-9;
  std::int64_t max_iter = 20, history_size = 100;
  std::optional<std::int64_t> max_eval;
  enum : int { none, by_wolfe, by_zoom };
  int line_search_fn = none;
  bool nan_to_inf = false;
  static constexpr const char* name = "lbfgs";
  static constexpr About about{"quasi-Newton steps from the last changes of the gradient",
                               "Liu, Nocedal 1989, Math. Programming 45"};
  static constexpr Scope scope = Scope::all;
  static constexpr Traits traits{.reach = Reach::all};
  static constexpr Number numbers[] = {{"iterations"}, {"evaluations"}, {"t"}, {"scale"}, {"loss"}, {"pairs"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size, the first one that a line search tries");
    f("max_iter", max_iter, range::count, "iterations in a step");
    f("max_eval", max_eval, range::count, "evaluations of the loss in a step; default 5/4 of max_iter");
    f("tolerance_grad", tolerance_grad, range::nonnegative, "done when no element of the gradient is larger");
    f("tolerance_change", tolerance_change, range::nonnegative, "done when parameters and loss change less");
    f("history_size", history_size, range::count, "changes of gradient that are remembered");
    f("line_search_fn", line_search_fn, config::OneOf{"none|strong_wolfe|zoom"}, "how far to go along a direction");
    f("nan_to_inf", nan_to_inf, "a loss of NaN counts as infinite: the line search turns back from it");
  }
  std::vector<StateArray> arrays(const Shape& all) const {
    const Shape history{history_size, elements(all)};
    return {{"direction", all}, {"previous_gradient", all}, {"steps", history}, {"changes", history}};
  }

  template <class T> double minimize(Flat<T>& all, const Closure& closure, Tensor<T>* state, double* kept) const {
    double &iterations = kept[0], &evaluations = kept[1], &t = kept[2], &scale = kept[3], &previous_loss = kept[4],
           &pairs = kept[5];
    Tensor<T>&direction = state[0], &previous_gradient = state[1];
    const double most = static_cast<double>(max_eval ? *max_eval : max_iter * 5 / 4);
    const double first_loss = closure();
    double loss = first_loss, used = 1;
    ++evaluations;
    Tensor<T> g = all.gradient();
    if (largest(g) <= tolerance_grad) return first_loss;
    for (std::int64_t n = 1; n <= max_iter; ++n) {
      if (++iterations == 1) {
        direction = line_search_fn == by_zoom ? -std::min(1.0, 1 / frobenius_norm(g)) * g : -g;
        pairs = 0;
        scale = 1;
      } else {
        remember(t * direction, g - previous_gradient, state, scale, pairs);
        direction = newton_direction(g, state, scale, static_cast<std::size_t>(pairs));
      }
      previous_gradient = g;
      previous_loss = loss;
      const bool careful = iterations == 1 && line_search_fn != by_zoom;
      t = careful ? std::min(1.0, 1 / static_cast<double>(sum(abs(g)).item())) * lr : lr;
      const double slope = inner_product(g, direction);
      if (slope > -tolerance_change) break;
      const Tensor<T> start = all.parameters();
      double calls = 0;
      if (line_search_fn != none) {
        const auto evaluate = [&](double length) {
          all.set_parameters(start + length * direction);
          double value = closure();
          if (nan_to_inf && std::isnan(value)) value = range::kInfinity;
          const Tensor<T> gradient = all.gradient();
          return Trial{length, value, inner_product(gradient, direction), std::make_shared<Tensor<T>>(gradient)};
        };
        const Trial here{0, loss, slope, std::make_shared<Tensor<T>>(g)};
        const Found found =
            line_search_fn == by_zoom ? zoom(evaluate, t, here) : strong_wolfe(evaluate, t, here, largest(direction));
        t = found.best.length;
        loss = found.best.loss;
        g = *static_cast<const Tensor<T>*>(found.best.gradient.get());
        calls = found.evaluations;
        all.set_parameters(start + t * direction);
      } else {
        all.set_parameters(start + t * direction);
        if (n != max_iter) {
          loss = closure();
          g = all.gradient();
          calls = 1;
        }
      }
      used += calls;
      evaluations += calls;
      if (n == max_iter || used >= most || largest(g) <= tolerance_grad || t * largest(direction) <= tolerance_change ||
          std::abs(loss - previous_loss) < tolerance_change)
        break;
    }
    return first_loss;
  }

 private:
  /// The pair (step, change of gradient) of iteration i, oldest first, is row i of the history.
  template <class T> static Tensor<T> row(const Tensor<T>& history, std::size_t i) {
    const auto n = static_cast<std::size_t>(history.shape()[1]);
    return Tensor<T>(Shape{history.shape()[1]}, std::span<const T>(history.data() + i * n, n));
  }
  template <class T>
  void remember(const Tensor<T>& step, const Tensor<T>& change, Tensor<T>* state, double& scale, double& pairs) const {
    const double curvature = inner_product(change, step);
    if (!(curvature > (line_search_fn == by_zoom ? 0 : 1e-10))) return;
    const std::size_t n = step.size();
    auto place = static_cast<std::size_t>(pairs);
    const bool full = place == static_cast<std::size_t>(history_size);
    if (full) --place;
    for (const auto& [history, value] : {std::pair{&state[2], &step}, std::pair{&state[3], &change}}) {
      T* rows = history->mutable_data();
      if (full) std::copy(rows + n, rows + (place + 1) * n, rows);  // the oldest goes
      std::copy_n(value->data(), n, rows + place * n);
    }
    pairs = static_cast<double>(place + 1);
    scale = curvature / inner_product(change, change);
  }
  /// The two loops of Nocedal & Wright, algorithm 7.4.
  template <class T>
  Tensor<T> newton_direction(const Tensor<T>& g, const Tensor<T>* state, double scale, std::size_t pairs) const {
    Tensor<T> q = -g;
    std::vector<double> weights(pairs), inverse(pairs);
    for (std::size_t i = pairs; i-- > 0;) {
      const Tensor<T> s = row(state[2], i), y = row(state[3], i);
      inverse[i] = 1 / inner_product(y, s);
      weights[i] = inverse[i] * inner_product(s, q);
      q = q - weights[i] * y;
    }
    q = scale * q;
    for (std::size_t i = 0; i < pairs; ++i) {
      const Tensor<T> s = row(state[2], i), y = row(state[3], i);
      q = q + (weights[i] - inverse[i] * inner_product(y, q)) * s;
    }
    return q;
  }
};

}  // namespace xgrad::optim::tensor_rules
