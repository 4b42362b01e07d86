// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/axis.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::AxisLayout;

constexpr std::size_t kLanes = 64;  // columns that are walked side by side

/// Calls body(start, lanes) for groups of neighbouring columns: the elements of lane j are start + j + k * inner.
template <class Body> void for_lanes(const AxisLayout& layout, const Body& body) {
  const std::size_t groups = (layout.inner + kLanes - 1) / kLanes;
  detail::for_rows(layout.outer * groups, layout.size * std::min(layout.inner, kLanes),
                   [&](std::size_t first, std::size_t count) {
                     for (std::size_t task = first; task < first + count; ++task) {
                       const std::size_t lane = task % groups * kLanes;
                       body(task / groups * layout.size * layout.inner + lane, std::min(kLanes, layout.inner - lane));
                     }
                   });
}

/// Running results of combine(so far, element), in double, from either end.
template <class T, class Combine>
Storage<T> running(const Tensor<T>& x, const AxisLayout& layout, bool reverse, double start, Combine combine) {
  Storage<T> value(x.size());
  const T* from = x.data();
  T* to = value.data();
  for_lanes(layout, [&](std::size_t first, std::size_t lanes) {
    if (layout.inner == 1) {  // one lane: in a register
      double so_far = start;
      for (std::size_t k = 0; k < layout.size; ++k) {
        const std::size_t at = first + (reverse ? layout.size - 1 - k : k);
        so_far = combine(so_far, static_cast<double>(from[at]));
        to[at] = static_cast<T>(so_far);
      }
      return;
    }
    double so_far[kLanes];
    std::fill_n(so_far, lanes, start);
    for (std::size_t k = 0; k < layout.size; ++k) {
      const std::size_t row = first + (reverse ? layout.size - 1 - k : k) * layout.inner;
      for (std::size_t j = 0; j < lanes; ++j) {
        so_far[j] = combine(so_far[j], static_cast<double>(from[row + j]));
        to[row + j] = static_cast<T>(so_far[j]);
      }
    }
  });
  return value;
}

template <class T> Tensor<T> running_sum(const Tensor<T>& x, std::size_t axis, bool reverse) {
  return record<T>(
      "cumsum", x.shape(),
      running(x, AxisLayout(x.shape(), axis), reverse, 0.0, [](double a, double b) { return a + b; }), kSaveNothing,
      [axis, reverse](Node<T>& n, const Tensor<T>& g) { n.give(0, running_sum(g, axis, !reverse)); }, x);
}

/// The running results once more, from recorded operations: log2(size) combinations of the array with itself moved on.
template <class T, class Combine> Tensor<T> doubling(Tensor<T> y, std::size_t axis, Combine combine) {
  const auto along = static_cast<std::int64_t>(axis);
  const std::int64_t size = y.rank() == 0 ? 1 : y.shape()[axis];
  for (std::int64_t step = 1; step < size; step *= 2)
    y = concat<T>({slice(y, along, 0, step), combine(slice(y, along, step), slice(y, along, 0, size - step))}, along);
  return y;
}

/// dx_i = (product before i) s_i with s_i = g_i + x_{i+1} s_{i+1}: no division, so zeros are no exception.
template <class T> Tensor<T> cumprod_gradient(const T* x, const Tensor<T>& g, const AxisLayout& layout) {
  Tensor<T> dx = Tensor<T>::empty(g.shape());
  T* to = const_cast<T*>(dx.data());
  for_lanes(layout, [&](std::size_t first, std::size_t lanes) {
    double carried[kLanes];
    std::fill_n(carried, lanes, 1.0);
    for (std::size_t k = 0; k < layout.size; ++k)
      for (std::size_t j = 0; j < lanes; ++j) {
        const std::size_t at = first + k * layout.inner + j;
        to[at] = static_cast<T>(carried[j]);
        carried[j] *= static_cast<double>(x[at]);
      }
    std::fill_n(carried, lanes, 0.0);
    for (std::size_t k = layout.size; k-- > 0;)
      for (std::size_t j = 0; j < lanes; ++j) {
        const std::size_t at = first + k * layout.inner + j;
        const double s = static_cast<double>(g.data()[at]) + carried[j];
        to[at] = static_cast<T>(static_cast<double>(to[at]) * s);
        carried[j] = static_cast<double>(x[at]) * s;
      }
  });
  return dx;
}

/// dx_i = e^(x_i - y_i) r_i with r_i = sum_{k >= i} g_k e^(y_i - y_k) = g_i + e^(y_i - y_{i+1}) r_{i+1}: y never falls,
/// so nothing overflows.
template <class T>
Tensor<T> logcumsumexp_gradient(const T* x, const T* y, const Tensor<T>& g, const AxisLayout& layout) {
  Tensor<T> dx = Tensor<T>::empty(g.shape());
  T* to = const_cast<T*>(dx.data());
  const std::size_t inner = layout.inner;
  for_lanes(layout, [&](std::size_t first, std::size_t lanes) {
    for (std::size_t j = 0; j < lanes; ++j) {
      double r = 0, after = 0;
      for (std::size_t k = layout.size; k-- > 0;) {
        const std::size_t at = first + k * inner + j;
        const auto now = static_cast<double>(y[at]);
        const double decay = k + 1 == layout.size || now == after ? 1 : std::exp(now - after);
        r = static_cast<double>(g.data()[at]) + decay * r;
        after = now;
        to[at] = now == -std::numeric_limits<double>::infinity()
                     ? T{0}
                     : static_cast<T>(std::exp(static_cast<double>(x[at]) - now) * r);
      }
    }
  });
  return dx;
}

double log_add(double a, double b) {
  const double larger = std::max(a, b), smaller = std::min(a, b);
  if (a != a || b != b) return a + b;
  return larger == smaller ? larger + 0.69314718055994530942 : larger + std::log1p(std::exp(smaller - larger));
}

template <class T, class Beats>
ValuesAndIndices<T> running_best(const char* name, const Tensor<T>& x, std::int64_t axis, Beats beats) {
  const std::size_t place = x.shape().axis(axis, name);
  const AxisLayout layout(x.shape(), place);
  Indices indices(x.shape());
  for_lanes(layout, [&](std::size_t first, std::size_t lanes) {
    for (std::size_t j = 0; j < lanes; ++j) {
      std::size_t best = 0;
      for (std::size_t k = 0; k < layout.size; ++k) {
        const T now = x.data()[first + k * layout.inner + j], before = x.data()[first + best * layout.inner + j];
        if (now != now || (before == before && !beats(before, now))) best = k;
        indices.data()[first + k * layout.inner + j] = static_cast<std::int64_t>(best);
      }
    }
  });
  return {detail::pick(name, x, place, indices), indices};
}

/// The means of neighbours along an axis.
template <class T> Tensor<T> midpoints(const char* name, const Tensor<T>& y, std::int64_t axis) {
  XGRAD_CHECK(y.rank() > 0, name, ": a scalar has no axis to integrate over");
  y.shape().axis(axis, name);
  return (slice(y, axis, 1) + slice(y, axis, 0, -1)) * 0.5;
}

}  // namespace

template <class T> Tensor<T> cumsum(const Tensor<T>& x, std::int64_t axis) {
  return running_sum(x, x.shape().axis(axis, "cumsum"), false);
}

template <class T> Tensor<T> cumprod(const Tensor<T>& x, std::int64_t axis) {
  const std::size_t place = x.shape().axis(axis, "cumprod");
  return record<T>(
      "cumprod", x.shape(),
      running(x, AxisLayout(x.shape(), place), false, 1.0, [](double a, double b) { return a * b; }), kSaveInput,
      [place](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled())
          return n.substitute(doubling(n.input(0), place, [](const Tensor<T>& a, const Tensor<T>& b) { return a * b; }),
                              g);
        n.give(0, cumprod_gradient(n.input_data(0), g, AxisLayout(n.shape, place)));
      },
      x);
}

template <class T> Tensor<T> logcumsumexp(const Tensor<T>& x, std::int64_t axis) {
  const std::size_t place = x.shape().axis(axis, "logcumsumexp");
  return record<T>(
      "logcumsumexp", x.shape(),
      running(x, AxisLayout(x.shape(), place), false, -std::numeric_limits<double>::infinity(), log_add),
      kSaveInput | kSaveOutput,
      [place](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled())
          return n.substitute(
              doubling(n.input(0), place, [](const Tensor<T>& a, const Tensor<T>& b) { return logaddexp(a, b); }), g);
        n.give(0, logcumsumexp_gradient(n.input_data(0), n.output_data(), g, AxisLayout(n.shape, place)));
      },
      x);
}

template <class T> ValuesAndIndices<T> cummax(const Tensor<T>& x, std::int64_t axis) {
  return running_best("cummax", x, axis, [](T a, T b) { return a > b; });
}
template <class T> ValuesAndIndices<T> cummin(const Tensor<T>& x, std::int64_t axis) {
  return running_best("cummin", x, axis, [](T a, T b) { return a < b; });
}

template <class T> Tensor<T> diff(const Tensor<T>& x, std::int64_t n, std::int64_t axis) {
  XGRAD_CHECK(x.rank() > 0, "diff: a scalar has no neighbours");
  XGRAD_CHECK(n >= 0, "diff: n is ", n, "; expected >= 0");
  x.shape().axis(axis, "diff");
  Tensor<T> y = x;
  for (std::int64_t i = 0; i < n && y.size(axis) > 0; ++i) y = slice(y, axis, 1) - slice(y, axis, 0, -1);
  return y;
}

template <class T> Tensor<T> trapezoid(const Tensor<T>& y, double dx, std::int64_t axis) {
  const Tensor<T> parts = midpoints("trapezoid", y, axis);
  return sum(parts, Axes{axis}) * dx;
}
template <class T> Tensor<T> trapezoid(const Tensor<T>& y, const Tensor<T>& x, std::int64_t axis) {
  const Tensor<T> parts = midpoints("trapezoid", y, axis);
  const std::size_t place = y.shape().axis(axis, "trapezoid");
  XGRAD_CHECK(x.shape() == y.shape() || x.shape() == Shape{y.shape()[place]}, "trapezoid: x of shape ", x.shape(),
              " for y of shape ", y.shape(), "; expected ", y.shape(), " or ", Shape{y.shape()[place]});
  if (x.shape() == y.shape()) return sum(parts * diff(x, 1, axis), Axes{axis});
  Shape line = y.shape();
  for (std::size_t i = 0; i < line.rank(); ++i)
    if (i != place) line[i] = 1;
  return sum(parts * diff(reshape(x, line), 1, axis), Axes{axis});
}
template <class T> Tensor<T> cumulative_trapezoid(const Tensor<T>& y, double dx, std::int64_t axis) {
  return cumsum(midpoints("cumulative_trapezoid", y, axis), axis) * dx;
}

#define XGRAD_INSTANTIATE(T)                                                      \
  template Tensor<T> cumsum(const Tensor<T>&, std::int64_t);                      \
  template Tensor<T> cumprod(const Tensor<T>&, std::int64_t);                     \
  template Tensor<T> logcumsumexp(const Tensor<T>&, std::int64_t);                \
  template ValuesAndIndices<T> cummax(const Tensor<T>&, std::int64_t);            \
  template ValuesAndIndices<T> cummin(const Tensor<T>&, std::int64_t);            \
  template Tensor<T> diff(const Tensor<T>&, std::int64_t, std::int64_t);          \
  template Tensor<T> trapezoid(const Tensor<T>&, double, std::int64_t);           \
  template Tensor<T> trapezoid(const Tensor<T>&, const Tensor<T>&, std::int64_t); \
  template Tensor<T> cumulative_trapezoid(const Tensor<T>&, double, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
