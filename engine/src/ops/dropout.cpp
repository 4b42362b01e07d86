// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/dropout.hpp"

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

}  // namespace

template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training, RandomKey key) {
  XGRAD_CHECK(p >= 0 && p <= 1, "dropout: p is ", p, "; expected 0 to 1");
  if (!training || p == 0) return x;
  return masked(x, p, key);
}

template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training) {
  return dropout(x, p, training, training && p > 0 && p < 1 ? next_random_key() : RandomKey{});
}

template Tensor<float> dropout(const Tensor<float>&, double, bool, RandomKey);
template Tensor<double> dropout(const Tensor<double>&, double, bool, RandomKey);
template Tensor<float> dropout(const Tensor<float>&, double, bool);
template Tensor<double> dropout(const Tensor<double>&, double, bool);

}  // namespace xgrad
