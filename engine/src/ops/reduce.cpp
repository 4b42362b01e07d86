// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/reduction.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Reducer;
using detail::Reduction;

/// x with the reduced axes moved last and merged: one row for each result.
template <class T> Tensor<T> rows_of(const Tensor<T>& x, const Reduction& r) {
  std::vector<std::int64_t> order, last;
  for (std::size_t i = 0; i < x.rank(); ++i) (r.reduced[i] ? last : order).push_back(static_cast<std::int64_t>(i));
  order.insert(order.end(), last.begin(), last.end());
  const bool in_order = std::is_sorted(order.begin(), order.end());
  return reshape(in_order ? x : permute(x, order),
                 Shape{static_cast<std::int64_t>(r.shape.size()), static_cast<std::int64_t>(r.count)});
}

template <class T>
Tensor<T> extreme(const char* name, Reducer reducer, const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, name);
  XGRAD_CHECK(r.count > 0 || r.shape.size() == 0, name, ": shape ", x.shape(),
              " has no elements to choose from along these axes");
  return record<T>(
      name, r.shape, detail::reduce(reducer, x, r.reduced), kSaveInput | kSaveOutput,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) {
        // Shared evenly among equals; the shares are constants of the second derivative.
        const Tensor<T> ties = (n.input(0).detach() == reshape(n.output().detach(), kept)).indicator;
        n.give(0, ties * (reshape(g, kept) / sum_to(ties, kept)));
      },
      x);
}

/// dx_i = g * (product of all others) for each row: what stands before it times what stands behind it.
template <class T> void product_gradient(const T* x, const T* g, T* dx, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, x += cols, dx += cols) {
    double product = static_cast<double>(g[r]);
    for (std::size_t i = 0; i < cols; ++i) {
      dx[i] = static_cast<T>(product);
      product *= static_cast<double>(x[i]);
    }
    product = 1;
    for (std::size_t i = cols; i-- > 0;) {
      dx[i] = static_cast<T>(static_cast<double>(dx[i]) * product);
      product *= static_cast<double>(x[i]);
    }
  }
}

/// The product of each row as a tree of recorded products: differentiable any number of times, zeros or not.
template <class T> Tensor<T> product_tree(Tensor<T> rows) {
  while (rows.size(1) > 1) {
    const std::int64_t size = rows.size(1), half = size / 2;
    const Tensor<T> halves = slice(rows, 1, 0, half) * slice(rows, 1, half, 2 * half);
    rows = size % 2 == 0 ? halves : concat<T>({halves, slice(rows, 1, size - 1)}, 1);
  }
  return reshape(rows, Shape{rows.size(0)});
}

/// The Euclidean norm's value: squares that leave T's range are summed once more, scaled by the largest element.
template <class T> Storage<T> euclidean(const Tensor<T>& x, const Reduction& r) {
  constexpr T smallest = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  constexpr T infinity = std::numeric_limits<T>::infinity();
  Storage<T> value = detail::reduce(Reducer::square_sum, x, r.reduced);
  const auto outside = [](T s) { return s < smallest || s == infinity; };
  if (x.size() == 0 || std::none_of(value.begin(), value.end(), outside)) {
    for (T& s : value) s = std::sqrt(s);
    return value;
  }
  const NoGrad no_grad;
  const Tensor<T> largest(r.kept, detail::reduce(Reducer::maximum, abs(x), r.reduced));
  const Tensor<T> scale = where(largest > 0 && largest < static_cast<double>(infinity), largest, 1);
  value = detail::reduce(Reducer::square_sum, x / scale, r.reduced);
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = scale.data()[i] * std::sqrt(value[i]);
  return value;
}

/// Any p but 0, 1, 2 and the infinities, from differentiable operations. The norm of x / scale, times scale.
template <class T> Tensor<T> power_norm(const Tensor<T>& x, double p, const Axes& axes, bool keepdims) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Tensor<T> largest = amax(abs(x.detach()), axes, true);
  const Tensor<T> scale = where(largest > 0 && largest < infinity, largest, 1);
  const Tensor<T> a = abs(x / scale);
  // Safe arguments: the slopes of powers at 0 and infinity are not finite.
  const Tensor<T> powers = where(a == 0, p > 0 ? 0 : infinity, pow_scalar(where(a == 0, 1, a), p));
  const Tensor<T> s = sum(powers, axes, true);
  const auto ends = s == 0 || s == infinity;
  const Tensor<T> y = where(ends, p > 0 ? s.detach() : zeros_like(s), pow_scalar(where(ends, 1, s), 1 / p)) * scale;
  return reshape(y, Reduction(x.shape(), axes, keepdims, "norm").shape);
}

}  // namespace

template <class T> Tensor<T> sum_to(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  XGRAD_CHECK(shape.rank() <= x.rank() && broadcast_shapes(shape, x.shape(), "sum_to") == x.shape(), "sum_to: shape ",
              shape, " does not broadcast to ", x.shape());
  return record<T>(
      "sum_to", shape, detail::sum_to_storage(x, shape), kSaveNothing,
      [](Node<T>& n, const Tensor<T>& g) { n.give(0, expand(g, n.input_shape(0))); }, x);
}

template <class T> Tensor<T> sum(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "sum");
  return record<T>(
      "sum", r.shape, detail::reduce(Reducer::sum, x, r.reduced), kSaveNothing,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) { n.give(0, expand(reshape(g, kept), n.input_shape(0))); }, x);
}

template <class T> Tensor<T> prod(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "prod");
  if (r.count == 0) return Tensor<T>::ones(r.shape);
  const Tensor<T> rows = rows_of(x, r);
  AxisFlags last;
  last[1] = true;
  const Tensor<T> y = record<T>(
      "prod", Shape{rows.size(0)}, detail::reduce(Reducer::product, rows, last), kSaveInput,
      [](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled()) return n.substitute(product_tree(n.input(0)), g);
        const T* from = n.input_data(0);
        Tensor<T> dx = Tensor<T>::empty(n.input_shape(0));
        T* place = const_cast<T*>(dx.data());
        const auto cols = static_cast<std::size_t>(dx.size(1));
        detail::for_rows(g.size(), cols, [&](std::size_t first, std::size_t count) {
          product_gradient(from + first * cols, g.data() + first, place + first * cols, count, cols);
        });
        n.give(0, std::move(dx));
      },
      rows);
  return reshape(y, r.shape);
}

template <class T> Tensor<T> mean(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "mean");
  return sum(x, axes, keepdims) * (1 / static_cast<double>(r.count));
}

template <class T> Tensor<T> var(const Tensor<T>& x, const Axes& axes, double correction, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "var");
  const double divisor = static_cast<double>(r.count) - correction;
  const double scale = divisor > 0 ? 1 / divisor : std::numeric_limits<double>::quiet_NaN();
  const double share = 1 / static_cast<double>(r.count);
  Storage<T> value;
  {
    const NoGrad no_grad;
    value = detail::reduce(Reducer::square_sum, x, r.reduced, sum_to(x, r.kept) * share);
  }
  for (T& v : value) v = static_cast<T>(static_cast<double>(v) * scale);
  return record<T>(
      "var", r.shape, std::move(value), kSaveInput,
      [kept = r.kept, scale, share](Node<T>& n, const Tensor<T>& g) {
        const Tensor<T> from = n.input(0);
        n.give(0, (from - sum_to(from, kept) * share) * (reshape(g, kept) * (2 * scale)));
      },
      x);
}

template <class T> Tensor<T> std(const Tensor<T>& x, const Axes& axes, double correction, bool keepdims) {
  const Tensor<T> v = var(x, axes, correction, keepdims);
  return where(v == 0, 0, sqrt(where(v == 0, 1, v)));  // a safe argument: the root's slope at 0 is infinite
}

template <class T>
std::pair<Tensor<T>, Tensor<T>> var_mean(const Tensor<T>& x, const Axes& axes, double correction, bool keepdims) {
  return {var(x, axes, correction, keepdims), mean(x, axes, keepdims)};
}
template <class T>
std::pair<Tensor<T>, Tensor<T>> std_mean(const Tensor<T>& x, const Axes& axes, double correction, bool keepdims) {
  return {xgrad::std(x, axes, correction, keepdims), mean(x, axes, keepdims)};
}

template <class T> Tensor<T> norm(const Tensor<T>& x, double p, const Axes& axes, bool keepdims) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  XGRAD_CHECK(p == p, "norm: p is NaN; expected a number or an infinity");
  const Reduction r(x.shape(), axes, keepdims, "norm");
  if (p == infinity) return extreme("norm", Reducer::maximum, abs(x), axes, keepdims);
  if (p == -infinity) return extreme("norm", Reducer::minimum, abs(x), axes, keepdims);
  if (p == 0) return sum(square(sign(x)), axes, keepdims);
  if (p == 1 || r.count == 0) return sum(abs(x), axes, keepdims);
  if (p != 2) return power_norm(x, p, axes, keepdims);
  return record<T>(
      "norm", r.shape, euclidean(x, r), kSaveInput | kSaveOutput,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) {
        const Tensor<T> y = reshape(n.output(), kept);
        n.give(0, n.input(0) * (reshape(g, kept) / where(y == 0, 1, y)));  // 0 where y is 0, for x is 0 there
      },
      x);
}

template <class T> Tensor<T> amax(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  return extreme("amax", Reducer::maximum, x, axes, keepdims);
}
template <class T> Tensor<T> amin(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  return extreme("amin", Reducer::minimum, x, axes, keepdims);
}

template <class T> Tensor<T> logsumexp(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "logsumexp");
  Storage<T> value(r.shape.size());
  {
    const NoGrad no_grad;
    detail::for_rows(r.shape.size(), r.count, [&, rows = rows_of(x, r)](std::size_t first, std::size_t count) {
      detail::kernels<T>().logsumexp_rows(rows.data() + first * r.count, value.data() + first, count, r.count);
    });
  }
  return record<T>(
      "logsumexp", r.shape, std::move(value), kSaveInput | kSaveOutput,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) {
        const Tensor<T> y = reshape(n.output(), kept);
        const Tensor<T> shift = where(y == -std::numeric_limits<double>::infinity(), 0, y);  // only -inf: exp gives 0
        n.give(0, exp(n.input(0) - shift) * reshape(g, kept));
      },
      x);
}

template <class T> Tensor<T> cosine_similarity(const Tensor<T>& a, const Tensor<T>& b, std::int64_t axis, double eps) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), "cosine_similarity");
  const Axes along{static_cast<std::int64_t>(shape.axis(axis, "cosine_similarity"))};
  const auto length = [&](const Tensor<T>& x) { return maximum(norm(x, 2, along), eps); };
  const Tensor<T> left = expand(a, shape), right = expand(b, shape);
  return sum(left * right, along) / (length(left) * length(right));
}

#define XGRAD_INSTANTIATE(T)                                                                      \
  template Tensor<T> sum_to(const Tensor<T>&, const Shape&);                                      \
  template Tensor<T> sum(const Tensor<T>&, const Axes&, bool);                                    \
  template Tensor<T> prod(const Tensor<T>&, const Axes&, bool);                                   \
  template Tensor<T> mean(const Tensor<T>&, const Axes&, bool);                                   \
  template Tensor<T> var(const Tensor<T>&, const Axes&, double, bool);                            \
  template Tensor<T> std(const Tensor<T>&, const Axes&, double, bool);                            \
  template std::pair<Tensor<T>, Tensor<T>> var_mean(const Tensor<T>&, const Axes&, double, bool); \
  template std::pair<Tensor<T>, Tensor<T>> std_mean(const Tensor<T>&, const Axes&, double, bool); \
  template Tensor<T> norm(const Tensor<T>&, double, const Axes&, bool);                           \
  template Tensor<T> amax(const Tensor<T>&, const Axes&, bool);                                   \
  template Tensor<T> amin(const Tensor<T>&, const Axes&, bool);                                   \
  template Tensor<T> logsumexp(const Tensor<T>&, const Axes&, bool);                              \
  template Tensor<T> cosine_similarity(const Tensor<T>&, const Tensor<T>&, std::int64_t, double);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
