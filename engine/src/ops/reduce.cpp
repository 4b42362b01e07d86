// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/reduce.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {

std::vector<bool> Axes::selected(const Shape& shape, const char* operation) const {
  std::vector<bool> flags(shape.rank(), axes_.empty());
  for (const std::int64_t axis : axes_) {
    const std::size_t place = shape.axis(axis, operation);
    if (shape.rank() == 0) continue;  // axis 0 or -1 of a scalar: nothing to reduce
    XGRAD_CHECK(!flags[place], operation, ": axis ", axis, " of shape ", shape, " is named twice");
    flags[place] = true;
  }
  return flags;
}

namespace {

/// What reducing the selected axes leaves.
struct Reduction {
  std::vector<bool> reduced;
  Shape kept, shape;      // with size-1 axes; as asked for
  std::size_t count = 1;  // reduced elements per result

  Reduction(const Shape& x, const Axes& axes, bool keepdims, const char* operation)
      : reduced(axes.selected(x, operation)), kept(x) {
    for (std::size_t i = 0; i < x.rank(); ++i)
      if (reduced[i]) {
        count *= static_cast<std::size_t>(x[i]);
        kept[i] = 1;
        if (keepdims) shape.push_back(1);
      } else {
        shape.push_back(x[i]);
      }
  }

  /// x with the reduced axes moved last and merged: one row for each result.
  template <class T> Tensor<T> rows(const Tensor<T>& x) const {
    std::vector<std::int64_t> order, last;
    for (std::size_t i = 0; i < reduced.size(); ++i)
      (reduced[i] ? last : order).push_back(static_cast<std::int64_t>(i));
    order.insert(order.end(), last.begin(), last.end());
    const bool in_order = std::is_sorted(order.begin(), order.end());
    const auto results = static_cast<std::int64_t>(shape.size());
    return reshape(in_order ? x : permute(x, order), Shape{results, static_cast<std::int64_t>(count)});
  }
};

template <class T> Tensor<T> maximum_over(const char* name, const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, name);
  XGRAD_CHECK(r.count > 0 || r.shape.size() == 0, name, ": shape ", x.shape(),
              " has no elements to choose from along these axes");
  Storage<T> value(r.shape.size());
  {
    const NoGrad no_grad;
    detail::for_rows(r.shape.size(), r.count, [&, rows = r.rows(x)](std::size_t first, std::size_t count) {
      detail::kernels<T>().maximum_rows(rows.data() + first * r.count, value.data() + first, count, r.count);
    });
  }
  return record<T>(
      name, r.shape, std::move(value), kSaveInput | kSaveOutput,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) {
        // Shared evenly among equals; the shares are constants of the second derivative.
        const Tensor<T> ties = (n.input(0).detach() == reshape(n.output().detach(), kept)).indicator;
        n.give(0, ties * (reshape(g, kept) / sum_to(ties, kept)));
      },
      x);
}

struct AxisLayout {
  std::size_t outer = 1, size, inner = 1;
  AxisLayout(const Shape& shape, std::size_t axis) : size(static_cast<std::size_t>(shape[axis])) {
    for (std::size_t i = 0; i < axis; ++i) outer *= static_cast<std::size_t>(shape[i]);
    for (std::size_t i = axis + 1; i < shape.rank(); ++i) inner *= static_cast<std::size_t>(shape[i]);
  }
};

/// First place along the axis that no other beats; a NaN beats all.
template <class T, class Beats>
Indices first_best(const char* name, const Tensor<T>& x, std::int64_t axis, Beats beats) {
  const std::size_t place = x.shape().axis(axis, name);
  if (x.rank() == 0) return Indices(Shape{}, {std::int64_t{0}});
  const AxisLayout layout(x.shape(), place);
  XGRAD_CHECK(layout.size > 0, name, ": axis ", axis, " of shape ", x.shape(), " has no elements to choose from");
  Indices result(x.shape().erased(place));
  for (std::size_t o = 0; o < layout.outer; ++o)
    for (std::size_t i = 0; i < layout.inner; ++i) {
      const T* column = x.data() + o * layout.size * layout.inner + i;
      std::size_t best = 0;
      for (std::size_t k = 1; k < layout.size; ++k) {
        const T now = column[k * layout.inner], before = column[best * layout.inner];
        if (before == before && (now != now || beats(now, before))) best = k;
      }
      result.data()[o * layout.inner + i] = static_cast<std::int64_t>(best);
    }
  return result;
}

/// Zeros of `shape` with g at `indices` along the axis.
template <class T>
Tensor<T> place_at(const Tensor<T>& g, const Shape& shape, std::size_t axis, const Indices& indices) {
  const AxisLayout layout(shape, axis);
  Storage<T> value(shape.size(), T{0});
  for (std::size_t o = 0; o < layout.outer; ++o)
    for (std::size_t i = 0; i < layout.inner; ++i) {
      const std::size_t at = o * layout.inner + i;
      value[(o * layout.size + static_cast<std::size_t>(indices.data()[at])) * layout.inner + i] = g.data()[at];
    }
  return record<T>(
      "place_at", shape, std::move(value), kSaveNothing,
      [axis, indices](Node<T>& n, const Tensor<T>& h) {
        n.give(0, reshape(detail::pick("pick", h, axis, indices), n.input_shape(0)));
      },
      g);
}

template <class T>
ValuesAndIndices<T> pick_best(const char* name, const Tensor<T>& x, std::int64_t axis, bool keepdims, Indices indices) {
  if (x.rank() == 0) return {reshape(x, Shape{}), indices};
  const std::size_t place = x.shape().axis(axis, name);
  Tensor<T> values = detail::pick(name, x, place, indices);
  if (keepdims) values = reshape(values, indices.shape().inserted(place, 1));
  return {values, indices};
}

}  // namespace

template <class T>
Tensor<T> detail::pick(const char* name, const Tensor<T>& x, std::size_t axis, const Indices& indices) {
  const AxisLayout layout(x.shape(), axis);
  Storage<T> value(indices.size());
  for (std::size_t o = 0; o < layout.outer; ++o)
    for (std::size_t i = 0; i < layout.inner; ++i) {
      const std::size_t at = o * layout.inner + i;
      value[at] = x.data()[(o * layout.size + static_cast<std::size_t>(indices.data()[at])) * layout.inner + i];
    }
  return record<T>(
      name, indices.shape(), std::move(value), kSaveNothing,
      [axis, indices](Node<T>& n, const Tensor<T>& g) { n.give(0, place_at(g, n.input_shape(0), axis, indices)); }, x);
}

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
      "sum", r.shape, detail::sum_to_storage(x, r.kept), kSaveNothing,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) { n.give(0, expand(reshape(g, kept), n.input_shape(0))); }, x);
}

template <class T> Tensor<T> mean(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "mean");
  return sum(x, axes, keepdims) * (1 / static_cast<double>(r.count));
}

template <class T> Tensor<T> var(const Tensor<T>& x, const Axes& axes, double correction, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "var");
  const double divisor = static_cast<double>(r.count) - correction;
  const double scale = divisor > 0 ? 1 / divisor : std::numeric_limits<double>::quiet_NaN();
  return sum(squared_difference(x, mean(x, axes, true)), axes, keepdims) * scale;
}

template <class T> Tensor<T> std(const Tensor<T>& x, const Axes& axes, double correction, bool keepdims) {
  const Tensor<T> v = var(x, axes, correction, keepdims);
  return where(v == 0, 0, sqrt(where(v == 0, 1, v)));  // a safe argument: the root's slope at 0 is infinite
}

template <class T> Tensor<T> amax(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  return maximum_over("amax", x, axes, keepdims);
}
template <class T> Tensor<T> amin(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  return -maximum_over("amin", -x, axes, keepdims);
}

template <class T> Tensor<T> logsumexp(const Tensor<T>& x, const Axes& axes, bool keepdims) {
  const Reduction r(x.shape(), axes, keepdims, "logsumexp");
  Storage<T> value(r.shape.size());
  {
    const NoGrad no_grad;
    detail::for_rows(r.shape.size(), r.count, [&, rows = r.rows(x)](std::size_t first, std::size_t count) {
      detail::kernels<T>().logsumexp_rows(rows.data() + first * r.count, value.data() + first, count, r.count);
    });
  }
  return record<T>(
      "logsumexp", r.shape, std::move(value), kSaveInput | kSaveOutput,
      [kept = r.kept](Node<T>& n, const Tensor<T>& g) {
        const Tensor<T> y = reshape(n.output(), kept);
        const Tensor<T> finite = where(y > -std::numeric_limits<double>::infinity(), y, 0);  // only -inf: exp gives 0
        n.give(0, exp(n.input(0) - finite) * reshape(g, kept));
      },
      x);
}

template <class T> Indices argmax(const Tensor<T>& x, std::int64_t axis) {
  return first_best("argmax", x, axis, [](T a, T b) { return a > b; });
}
template <class T> Indices argmin(const Tensor<T>& x, std::int64_t axis) {
  return first_best("argmin", x, axis, [](T a, T b) { return a < b; });
}
template <class T> ValuesAndIndices<T> max(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  return pick_best("max", x, axis, keepdims, argmax(x, axis));
}
template <class T> ValuesAndIndices<T> min(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  return pick_best("min", x, axis, keepdims, argmin(x, axis));
}

#define XGRAD_INSTANTIATE(T)                                                                   \
  template Tensor<T> detail::pick(const char*, const Tensor<T>&, std::size_t, const Indices&); \
  template Tensor<T> sum_to(const Tensor<T>&, const Shape&);                                   \
  template Tensor<T> sum(const Tensor<T>&, const Axes&, bool);                                 \
  template Tensor<T> mean(const Tensor<T>&, const Axes&, bool);                                \
  template Tensor<T> var(const Tensor<T>&, const Axes&, double, bool);                         \
  template Tensor<T> std(const Tensor<T>&, const Axes&, double, bool);                         \
  template Tensor<T> amax(const Tensor<T>&, const Axes&, bool);                                \
  template Tensor<T> amin(const Tensor<T>&, const Axes&, bool);                                \
  template Tensor<T> logsumexp(const Tensor<T>&, const Axes&, bool);                           \
  template Indices argmax(const Tensor<T>&, std::int64_t);                                     \
  template Indices argmin(const Tensor<T>&, std::int64_t);                                     \
  template ValuesAndIndices<T> max(const Tensor<T>&, std::int64_t, bool);                      \
  template ValuesAndIndices<T> min(const Tensor<T>&, std::int64_t, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
