// SPDX-License-Identifier: BSD-3-Clause
// Losses that ask for a margin.
#include "ops/loss/common.hpp"
#include "xgrad/ops/activation.hpp"

namespace xgrad {
namespace {

/// Throws Error unless `target` has the shape of x without its last axis.
template <class T> void require_one_for_each_row(const char* name, const Tensor<T>& x, const Tensor<T>& target) {
  XGRAD_CHECK(x.rank() > 0 && target.shape() == x.shape().erased(x.rank() - 1), name, ": targets of shape ",
              target.shape(), " for vectors of shape ", x.shape(), "; expected that shape without its last axis");
}

}  // namespace

template <class T> Tensor<T> hinge_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  detail::require_equal_shapes("hinge_loss", x, target);
  detail::require_signs("hinge_loss", target);
  return detail::reduced(relu(1 - target * x), reduction);
}

template <class T> Tensor<T> squared_hinge_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  detail::require_equal_shapes("squared_hinge_loss", x, target);
  detail::require_signs("squared_hinge_loss", target);
  return detail::reduced(square(relu(1 - target * x)), reduction);
}

template <class T>
Tensor<T> hinge_embedding_loss(const Tensor<T>& x, const Tensor<T>& target, double margin, Reduction reduction) {
  detail::require_equal_shapes("hinge_embedding_loss", x, target);
  detail::require_signs("hinge_embedding_loss", target);
  return detail::reduced(where(target == 1, x, relu(margin - x)), reduction);
}

template <class T> Tensor<T> soft_margin_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  detail::require_equal_shapes("soft_margin_loss", x, target);
  return detail::reduced(-log_sigmoid(target * x), reduction);
}

template <class T>
Tensor<T> margin_ranking_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& target, double margin,
                              Reduction reduction) {
  detail::require_equal_shapes("margin_ranking_loss", a, b);
  detail::require_equal_shapes("margin_ranking_loss", a, target);
  detail::require_signs("margin_ranking_loss", target);
  return detail::reduced(relu(target * (b - a) + margin), reduction);
}

template <class T>
Tensor<T> cosine_embedding_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& target, double margin,
                                Reduction reduction) {
  detail::require_equal_shapes("cosine_embedding_loss", a, b);
  require_one_for_each_row("cosine_embedding_loss", a, target);
  detail::require_signs("cosine_embedding_loss", target);
  constexpr double kEpsilon = 1e-12;  // as PyTorch's: a zero vector has cosine 0
  const Tensor<T> squares = (sum(square(a), -1) + kEpsilon) * (sum(square(b), -1) + kEpsilon);
  const Tensor<T> cosine = sum(a * b, -1) * rsqrt(squares);
  return detail::reduced(where(target == 1, 1 - cosine, relu(cosine - margin)), reduction);
}

template <class T>
Tensor<T> triplet_margin_loss(const Tensor<T>& anchor, const Tensor<T>& positive, const Tensor<T>& negative,
                              const TripletMarginOptions& options) {
  detail::require_equal_shapes("triplet_margin_loss", anchor, positive);
  detail::require_equal_shapes("triplet_margin_loss", anchor, negative);
  XGRAD_CHECK(anchor.rank() > 0, "triplet_margin_loss: scalars have no distance; expected (N, D) or (D)");
  XGRAD_CHECK(options.p > 0, "triplet_margin_loss: p is ", options.p, "; expected > 0");
  const auto distance = [&](const Tensor<T>& u, const Tensor<T>& v) {
    return norm(u - v + options.eps, options.p, -1);
  };
  Tensor<T> to_negative = distance(anchor, negative);
  if (options.swap) to_negative = minimum(to_negative, distance(positive, negative));
  return detail::reduced(relu(distance(anchor, positive) - to_negative + options.margin), options.reduction);
}

#define XGRAD_INSTANTIATE(T)                                                                                         \
  template Tensor<T> hinge_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                                      \
  template Tensor<T> squared_hinge_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                              \
  template Tensor<T> hinge_embedding_loss(const Tensor<T>&, const Tensor<T>&, double, Reduction);                    \
  template Tensor<T> soft_margin_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                                \
  template Tensor<T> margin_ranking_loss(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, double, Reduction);   \
  template Tensor<T> cosine_embedding_loss(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, double, Reduction); \
  template Tensor<T> triplet_margin_loss(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,                       \
                                         const TripletMarginOptions&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
