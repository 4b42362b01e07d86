// SPDX-License-Identifier: BSD-3-Clause
// Extremes with their places.
#include <algorithm>

#include "ops/axis.hpp"
#include "ops/blocks.hpp"
#include "ops/reduction.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

template <class T> bool same(T a, T b) { return a == b || (a != a && b != b); }

/// The first place of `value` in a row that has it.
template <class T> std::size_t first_place(const T* row, std::size_t size, T value) {
  constexpr std::size_t kStep = 64;  // compared at once
  std::size_t k = 0;
  for (bool found = false; k + kStep <= size; k += kStep) {
    for (std::size_t i = 0; i < kStep; ++i) found |= same(row[k + i], value);
    if (found) break;
  }
  while (!same(row[k], value)) ++k;
  return k;
}

/// First place of the extreme in each column; a NaN is the extreme.
template <class T>
Indices first_best(const char* name, const Tensor<T>& x, std::int64_t axis, bool keepdims, detail::Reducer extreme) {
  const std::size_t place = x.shape().axis(axis, name);
  if (x.rank() == 0) return Indices(Shape{}, {std::int64_t{0}});
  const detail::AxisLayout layout(x.shape(), place);
  XGRAD_CHECK(layout.size > 0, name, ": axis ", axis, " of shape ", x.shape(), " has no elements to choose from");
  AxisFlags reduced;
  reduced[place] = true;
  const Storage<T> best = detail::reduce(extreme, x, reduced);
  const Shape shape = x.shape().erased(place);
  Indices result(keepdims ? shape.inserted(place, 1) : shape);
  std::int64_t* to = result.data();
  const std::size_t inner = layout.inner, matrix = layout.size * inner;
  detail::for_rows(layout.outer, matrix, [&](std::size_t first, std::size_t count) {
    for (std::size_t o = first; o < first + count; ++o) {
      const T* from = x.data() + o * matrix;
      if (inner == 1) {
        to[o] = static_cast<std::int64_t>(first_place(from, layout.size, best[o]));
        continue;
      }
      // Rows are read as they lie, the last first, so that the first equal one stays.
      for (std::size_t k = layout.size; k-- > 0;)
        for (std::size_t i = 0; i < inner; ++i)
          if (same(from[k * inner + i], best[o * inner + i])) to[o * inner + i] = static_cast<std::int64_t>(k);
    }
  });
  return result;
}

template <class T> ValuesAndIndices<T> pick_best(const char* name, const Tensor<T>& x, std::int64_t axis, Indices at) {
  const std::size_t place = x.shape().axis(axis, name);
  return {x.rank() == 0 ? reshape(x, Shape{}) : detail::pick(name, x, place, at), at};
}

}  // namespace

template <class T>
Tensor<T> detail::pick(const char* name, const Tensor<T>& x, std::size_t axis, const Indices& indices) {
  const AxisLayout layout(x.shape(), axis);
  Blocks blocks{Indices(indices.shape())};
  if (const std::size_t columns = layout.columns(); columns > 0) {
    const std::size_t each = indices.size() / columns;  // looked up in each column
    std::int64_t* places = blocks.places.data();
    for (std::size_t o = 0, at = 0; o < layout.outer; ++o)
      for (std::size_t k = 0; k < each; ++k)
        for (std::size_t i = 0; i < layout.inner; ++i, ++at)
          places[at] = static_cast<std::int64_t>(
              (o * layout.size + static_cast<std::size_t>(indices.data()[at])) * layout.inner + i);
  }
  return take_blocks(name, x, blocks, indices.shape());
}

template <class T> Indices argmax(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  return first_best("argmax", x, axis, keepdims, detail::Reducer::maximum);
}
template <class T> Indices argmin(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  return first_best("argmin", x, axis, keepdims, detail::Reducer::minimum);
}
template <class T> Indices argmax(const Tensor<T>& x) { return argmax(flatten(x.detach()), 0); }
template <class T> Indices argmin(const Tensor<T>& x) { return argmin(flatten(x.detach()), 0); }

template <class T> ValuesAndIndices<T> max(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  return pick_best("max", x, axis, first_best("max", x, axis, keepdims, detail::Reducer::maximum));
}
template <class T> ValuesAndIndices<T> min(const Tensor<T>& x, std::int64_t axis, bool keepdims) {
  return pick_best("min", x, axis, first_best("min", x, axis, keepdims, detail::Reducer::minimum));
}

#define XGRAD_INSTANTIATE(T)                                                                   \
  template Tensor<T> detail::pick(const char*, const Tensor<T>&, std::size_t, const Indices&); \
  template Indices argmax(const Tensor<T>&, std::int64_t, bool);                               \
  template Indices argmin(const Tensor<T>&, std::int64_t, bool);                               \
  template Indices argmax(const Tensor<T>&);                                                   \
  template Indices argmin(const Tensor<T>&);                                                   \
  template ValuesAndIndices<T> max(const Tensor<T>&, std::int64_t, bool);                      \
  template ValuesAndIndices<T> min(const Tensor<T>&, std::int64_t, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
