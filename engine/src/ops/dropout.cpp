// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/dropout.hpp"

#include <cmath>

#include "ops/dropout_mask.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"

namespace xgrad {
namespace {

/// x times its mask; also its own vector-Jacobian product, for the operation is linear with a constant mask.
template <class T> Tensor<T> masked(const Tensor<T>& x, double p, RandomKey key) {
  Storage<T> value(x.size());
  T* y = value.data();
  detail::for_rows((x.size() + 3) / 4, 4, [&](std::size_t block, std::size_t blocks) {  // of four elements: one draw
    const std::size_t first = 4 * block, count = std::min(4 * blocks, x.size() - first);
    detail::drop(x.data() + first, y + first, first, count, p, key);
  });
  return record<T>(
      "dropout", x.shape(), std::move(value), kSaveNothing,
      [p, key](Node<T>& n, const Tensor<T>& g) { n.give(0, masked(g, p, key)); }, x);
}

void check_probability(const char* name, double p) {
  XGRAD_CHECK(p >= 0 && p <= 1, name, ": p is ", p, "; expected 0 to 1");
}

/// The key of a call that was given none; draws one only if numbers are needed.
RandomKey key_for(double p, bool training) { return training && p > 0 && p < 1 ? next_random_key() : RandomKey{}; }

}  // namespace

template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training, RandomKey key) {
  check_probability("dropout", p);
  if (!training || p == 0) return x;
  return masked(x, p, key);
}

template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training) {
  return dropout(x, p, training, key_for(p, training));
}

template <class T> Tensor<T> dropout2d(const Tensor<T>& x, double p, bool training, RandomKey key) {
  check_probability("dropout2d", p);
  XGRAD_CHECK(x.rank() >= 3, "dropout2d: x has shape ", x.shape(), "; expected (N, C, spatial...)");
  if (!training || p == 0) return x;
  Shape channels = x.shape();
  for (std::size_t axis = 2; axis < channels.rank(); ++axis) channels[axis] = 1;
  return x * masked(Tensor<T>::ones(channels), p, key);
}
template <class T> Tensor<T> dropout2d(const Tensor<T>& x, double p, bool training) {
  return dropout2d(x, p, training, key_for(p, training));
}

template <class T> Tensor<T> alpha_dropout(const Tensor<T>& x, double p, bool training, RandomKey key) {
  check_probability("alpha_dropout", p);
  if (!training || p == 0) return x;
  if (p == 1) return x * 0;
  constexpr double kLowest = -1.7580993408473766;  // selu at -infinity
  const double scale = 1 / std::sqrt((1 - p) * (1 + p * kLowest * kLowest));
  const Tensor<T> kept = masked(Tensor<T>::ones(x.shape()), p, key) * (1 - p);
  return x * (kept * scale) + ((1 - kept) * (scale * kLowest) - scale * p * kLowest);
}
template <class T> Tensor<T> alpha_dropout(const Tensor<T>& x, double p, bool training) {
  return alpha_dropout(x, p, training, key_for(p, training));
}

#define XGRAD_INSTANTIATE(T)                                                   \
  template Tensor<T> dropout(const Tensor<T>&, double, bool, RandomKey);       \
  template Tensor<T> dropout(const Tensor<T>&, double, bool);                  \
  template Tensor<T> dropout2d(const Tensor<T>&, double, bool, RandomKey);     \
  template Tensor<T> dropout2d(const Tensor<T>&, double, bool);                \
  template Tensor<T> alpha_dropout(const Tensor<T>&, double, bool, RandomKey); \
  template Tensor<T> alpha_dropout(const Tensor<T>&, double, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
