// SPDX-License-Identifier: BSD-3-Clause
// Losses of probabilities and logits against probabilities.
#include <limits>

#include "ops/loss/common.hpp"

namespace xgrad {

template <class T> Tensor<T> bce_loss(const Tensor<T>& x, const Tensor<T>& target, const WeightOptions<T>& options) {
  detail::require_equal_shapes("bce_loss", x, target);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const T p = x.data()[i];
    XGRAD_CHECK(!(p < 0 || p > 1), "bce_loss: probability ", p, " at position ", i,
                "; expected 0 to 1 (for logits use bce_with_logits_loss)");
  }
  const Tensor<T> losses = detail::weighted("bce_loss", probability_cross_entropy(x, target), options.weight);
  return detail::reduced(losses, options.reduction);
}

template <class T>
Tensor<T> bce_with_logits_loss(const Tensor<T>& x, const Tensor<T>& target, const BceOptions<T>& options) {
  detail::require_equal_shapes("bce_with_logits_loss", x, target);
  Tensor<T> losses = logit_cross_entropy(x, target);
  // The positive part once more, weighted by what pos_weight exceeds 1: -log sigmoid(x) = softplus(-x).
  if (options.pos_weight.defined()) losses = losses - (options.pos_weight - 1) * target * log_sigmoid(x);
  XGRAD_CHECK(losses.shape() == x.shape(), "bce_with_logits_loss: pos_weight of shape ", options.pos_weight.shape(),
              "; it must broadcast to the shape of the predictions, ", x.shape());
  return detail::reduced(detail::weighted("bce_with_logits_loss", losses, options.weight), options.reduction);
}

template <class T> Tensor<T> focal_loss(const Tensor<T>& x, const Tensor<T>& target, const FocalOptions& options) {
  detail::require_equal_shapes("focal_loss", x, target);
  XGRAD_CHECK(options.gamma >= 0, "focal_loss: gamma is ", options.gamma, "; expected >= 0");
  // 1 - p of the target, from both tails of the sigmoid so that it loses no digits.
  const Tensor<T> missed = sigmoid(x) * (1 - target) + sigmoid(-x) * target;
  Tensor<T> losses = logit_cross_entropy(x, target) * pow(missed, options.gamma);
  if (options.alpha >= 0) losses = losses * (options.alpha * target + (1 - options.alpha) * (1 - target));
  return detail::reduced(losses, options.reduction);
}

template <class T> Tensor<T> kl_div(const Tensor<T>& x, const Tensor<T>& target, const KlDivOptions& options) {
  detail::require_equal_shapes("kl_div", x, target);
  if (options.log_target) return detail::reduced(exp(target) * (target - x), options.reduction);
  // 0 where the target is, though x be log 0.
  const Tensor<T> seen = where(target == 0 && x == -std::numeric_limits<double>::infinity(), 0, x);
  return detail::reduced(xlogy(target, target) - target * seen, options.reduction);
}

template <class T>
Tensor<T> multilabel_soft_margin_loss(const Tensor<T>& x, const Tensor<T>& target, const WeightOptions<T>& options) {
  detail::require_equal_shapes("multilabel_soft_margin_loss", x, target);
  XGRAD_CHECK(x.rank() > 0, "multilabel_soft_margin_loss: a scalar has no class axis; expected (N, C) or (C)");
  const Tensor<T> losses =
      detail::weighted("multilabel_soft_margin_loss", logit_cross_entropy(x, target), options.weight);
  return detail::reduced(mean(losses, -1), options.reduction);
}

#define XGRAD_INSTANTIATE(T)                                                                         \
  template Tensor<T> bce_loss(const Tensor<T>&, const Tensor<T>&, const WeightOptions<T>&);          \
  template Tensor<T> bce_with_logits_loss(const Tensor<T>&, const Tensor<T>&, const BceOptions<T>&); \
  template Tensor<T> focal_loss(const Tensor<T>&, const Tensor<T>&, const FocalOptions&);            \
  template Tensor<T> kl_div(const Tensor<T>&, const Tensor<T>&, const KlDivOptions&);                \
  template Tensor<T> multilabel_soft_margin_loss(const Tensor<T>&, const Tensor<T>&, const WeightOptions<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
