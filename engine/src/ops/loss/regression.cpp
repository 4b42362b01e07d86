// SPDX-License-Identifier: BSD-3-Clause
// Losses of a number against a number.
#include <cmath>
#include <numbers>

#include "kernels/kernels.hpp"
#include "ops/loss/common.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/ops/softmax.hpp"

namespace xgrad {
namespace {

/// Blocks of equal size whose partial sums are added in order.
template <class T, class Sum> double blocked_sum(std::size_t n, Sum sum_of_block) {
  constexpr std::size_t kBlock = 16384;
  const std::size_t blocks = (n + kBlock - 1) / kBlock;
  Storage<double> parts(blocks);
  double* data = parts.data();
  parallel_for(blocks, [&](std::size_t block) {
    const std::size_t first = block * kBlock;
    data[block] = static_cast<double>(sum_of_block(first, std::min(kBlock, n - first)));
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

}  // namespace

template <class T> Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  detail::require_equal_shapes("mse_loss", x, target);
  if (reduction == Reduction::none) return squared_difference(x, target);
  const double scale = detail::reduction_scale(reduction, x.shape(), static_cast<double>(x.size()));
  const double total = blocked_sum<T>(x.size(), [&](std::size_t first, std::size_t n) {
    return detail::kernels<T>().squared_distance(x.data() + first, target.data() + first, n);
  });
  Storage<T> value(1);
  value[0] = static_cast<T>(total * scale);
  return record<T>(
      "mse_loss", Shape{}, std::move(value), kSaveInputs,
      [scale](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled()) {
          const Tensor<T> d = (n.input(0) - n.input(1)) * (g * (2 * scale));
          if (n.wants(0)) n.give(0, d);
          if (n.wants(1)) n.give(1, -d);
          return;
        }
        const T* a = n.input_data(0);
        const T* b = n.input_data(1);
        for (std::size_t k = 0; k < 2; ++k) {
          if (!n.wants(k)) continue;
          Tensor<T> d = Tensor<T>::empty(n.input_shape(k));
          T* place = const_cast<T*>(d.data());
          const T factor = static_cast<T>((k == 0 ? 2 : -2) * scale * static_cast<double>(g.item()));
          detail::for_rows(d.size(), 1, [&](std::size_t first, std::size_t count) {
            detail::kernels<T>().scaled_difference(a + first, b + first, factor, place + first, count);
          });
          n.give(k, std::move(d));
        }
      },
      x, target);
}

template <class T> Tensor<T> l1_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  detail::require_equal_shapes("l1_loss", x, target);
  return detail::reduced(absolute_difference(x, target), reduction);
}

template <class T>
Tensor<T> smooth_l1_loss(const Tensor<T>& x, const Tensor<T>& target, double beta, Reduction reduction) {
  detail::require_equal_shapes("smooth_l1_loss", x, target);
  XGRAD_CHECK(beta >= 0, "smooth_l1_loss: beta is ", beta, "; expected >= 0");
  return detail::reduced(beta == 0 ? absolute_difference(x, target) : smooth_l1_difference(x, target, beta), reduction);
}

template <class T>
Tensor<T> huber_loss(const Tensor<T>& x, const Tensor<T>& target, double delta, Reduction reduction) {
  detail::require_equal_shapes("huber_loss", x, target);
  XGRAD_CHECK(delta > 0, "huber_loss: delta is ", delta, "; expected > 0");
  return detail::reduced(huber_difference(x, target, delta), reduction);
}

template <class T> Tensor<T> log_cosh_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  detail::require_equal_shapes("log_cosh_loss", x, target);
  return detail::reduced(log_cosh_difference(x, target), reduction);
}

template <class T>
Tensor<T> quantile_loss(const Tensor<T>& x, const Tensor<T>& target, double quantile, Reduction reduction) {
  detail::require_equal_shapes("quantile_loss", x, target);
  XGRAD_CHECK(quantile >= 0 && quantile <= 1, "quantile_loss: quantile is ", quantile, "; expected 0 to 1");
  return detail::reduced(quantile_difference(x, target, quantile), reduction);
}

template <class T>
Tensor<T> poisson_nll_loss(const Tensor<T>& x, const Tensor<T>& target, const PoissonNllOptions& options) {
  detail::require_equal_shapes("poisson_nll_loss", x, target);
  Tensor<T> losses = options.log_input ? exp(x) - target * x : x - target * log(x + options.eps);
  if (options.full) {
    const Tensor<T> t = where(target > 1, target, 1);  // a safe argument for the logarithms
    const Tensor<T> stirling = t * log(t) - t + 0.5 * log(2 * std::numbers::pi * t);
    losses = losses + where(target > 1, stirling, 0);
  }
  return detail::reduced(losses, options.reduction);
}

template <class T>
Tensor<T> gaussian_nll_loss(const Tensor<T>& x, const Tensor<T>& target, const Tensor<T>& variance,
                            const GaussianNllOptions& options) {
  detail::require_equal_shapes("gaussian_nll_loss", x, target);
  XGRAD_CHECK(options.eps > 0, "gaussian_nll_loss: eps is ", options.eps, "; expected > 0");
  const bool of_rows = x.rank() > 0 && variance.shape() == x.shape().erased(x.rank() - 1);
  const Tensor<T> given = of_rows && !(variance.shape() == x.shape()) ? unsqueeze(variance, -1) : variance;
  XGRAD_CHECK(given.rank() <= x.rank() && broadcast_shapes(x.shape(), given.shape(), "gaussian_nll_loss") == x.shape(),
              "gaussian_nll_loss: variance of shape ", variance.shape(), " for predictions of shape ", x.shape(),
              "; expected that shape, or one that broadcasts to it, or it without its last axis");
  for (std::size_t i = 0; i < variance.size(); ++i)
    XGRAD_CHECK(!(variance.data()[i] < 0), "gaussian_nll_loss: variance ", variance.data()[i], " at position ", i,
                "; expected >= 0");
  const Tensor<T> v = detail::straight_through(maximum(given.detach(), options.eps), given);
  Tensor<T> losses = 0.5 * (log(v) + squared_difference(x, target) / v);
  if (options.full) losses = losses + 0.5 * std::log(2 * std::numbers::pi);
  return detail::reduced(losses, options.reduction);
}

#define XGRAD_INSTANTIATE(T)                                                                         \
  template Tensor<T> mse_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                        \
  template Tensor<T> l1_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                         \
  template Tensor<T> smooth_l1_loss(const Tensor<T>&, const Tensor<T>&, double, Reduction);          \
  template Tensor<T> huber_loss(const Tensor<T>&, const Tensor<T>&, double, Reduction);              \
  template Tensor<T> log_cosh_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                   \
  template Tensor<T> quantile_loss(const Tensor<T>&, const Tensor<T>&, double, Reduction);           \
  template Tensor<T> poisson_nll_loss(const Tensor<T>&, const Tensor<T>&, const PoissonNllOptions&); \
  template Tensor<T> gaussian_nll_loss(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const GaussianNllOptions&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
