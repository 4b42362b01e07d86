// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/softmax.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/creation.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

template <class T> using RowsForward = void (*)(const T* x, T* y, std::size_t rows, std::size_t cols);
template <class T> using RowsBackward = void (*)(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols);

/// An operation of x's last axis that keeps its shape, from its row kernels and its gradient in recorded operations of
/// y, g.
template <class T, class Recorded>
Tensor<T> along_rows(const char* name, const Tensor<T>& x, RowsForward<T> forward, RowsBackward<T> backward,
                     Recorded recorded) {
  const std::size_t cols = x.rank() == 0 ? 1 : static_cast<std::size_t>(x.shape().back());
  const std::size_t rows = cols == 0 ? 0 : x.size() / cols;
  Storage<T> value(x.size());
  detail::for_rows(rows, cols, [&](std::size_t first, std::size_t count) {
    forward(x.data() + first * cols, value.data() + first * cols, count, cols);
  });
  return record<T>(
      name, x.shape(), std::move(value), kSaveOutput,
      [backward, recorded, rows, cols](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled()) return n.give(0, recorded(n.output(), g));
        Tensor<T> dx = Tensor<T>::empty(n.shape);
        T* place = const_cast<T*>(dx.data());
        const T* y = n.output_data();
        detail::for_rows(rows, cols, [&](std::size_t first, std::size_t count) {
          backward(y + first * cols, g.data() + first * cols, place + first * cols, count, cols);
        });
        n.give(0, std::move(dx));
      },
      x);
}

/// f along `axis`: the axis is moved last and back.
template <class T, class F> Tensor<T> along_axis(const char* name, const Tensor<T>& x, std::int64_t axis, F f) {
  const std::size_t place = x.shape().axis(axis, name);
  if (place + 1 >= x.rank()) return f(x);
  return transpose(f(transpose(x, axis, -1)), axis, -1);
}

}  // namespace

template <class T> Tensor<T> softmax(const Tensor<T>& x, std::int64_t axis) {
  const auto& k = detail::kernels<T>();
  return along_axis("softmax", x, axis, [&k](const Tensor<T>& rows) {
    return along_rows("softmax", rows, k.softmax_rows, k.softmax_backward_rows,
                      [](const Tensor<T>& y, const Tensor<T>& g) { return y * (g - sum(g * y, -1, true)); });
  });
}

template <class T> Tensor<T> log_softmax(const Tensor<T>& x, std::int64_t axis) {
  const auto& k = detail::kernels<T>();
  return along_axis("log_softmax", x, axis, [&k](const Tensor<T>& rows) {
    return along_rows("log_softmax", rows, k.log_softmax_rows, k.log_softmax_backward_rows,
                      [](const Tensor<T>& y, const Tensor<T>& g) { return g - exp(y) * sum(g, -1, true); });
  });
}

template <class T> Tensor<T> softmin(const Tensor<T>& x, std::int64_t axis) { return softmax(-x, axis); }

template <class T> Tensor<T> detail::straight_through(const Tensor<T>& value, const Tensor<T>& x) {
  return record<T>(
      "straight_through", x.shape(), value.storage().share(), kSaveNothing,
      [](Node<T>& n, const Tensor<T>& g) { n.give(0, g); }, x);
}

template <class T>
Tensor<T> gumbel_softmax(const Tensor<T>& x, double tau, bool hard, std::int64_t axis, RandomKey key) {
  XGRAD_CHECK(tau > 0, "gumbel_softmax: tau is ", tau, "; expected > 0");
  return along_axis("gumbel_softmax", x, axis, [&](const Tensor<T>& rows) {
    Tensor<T> noise = Tensor<T>::empty(rows.shape());
    detail::fill_each(noise.mutable_data(), noise.size(), [key](std::size_t i) {
      return -std::log(-std::log(std::max(uniform(key, i), 0x1p-54)));  // neither logarithm meets 0
    });
    const Tensor<T> soft = softmax((rows + noise) * (1 / tau));
    if (!hard || rows.rank() == 0) return soft;
    return detail::straight_through(one_hot<T>(argmax(soft, -1), rows.shape().back()), soft);
  });
}

template <class T> Tensor<T> gumbel_softmax(const Tensor<T>& x, double tau, bool hard, std::int64_t axis) {
  return gumbel_softmax(x, tau, hard, axis, next_random_key());
}

#define XGRAD_INSTANTIATE(T)                                                                  \
  template Tensor<T> softmax(const Tensor<T>&, std::int64_t);                                 \
  template Tensor<T> log_softmax(const Tensor<T>&, std::int64_t);                             \
  template Tensor<T> softmin(const Tensor<T>&, std::int64_t);                                 \
  template Tensor<T> gumbel_softmax(const Tensor<T>&, double, bool, std::int64_t, RandomKey); \
  template Tensor<T> gumbel_softmax(const Tensor<T>&, double, bool, std::int64_t);            \
  template Tensor<T> detail::straight_through(const Tensor<T>&, const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
