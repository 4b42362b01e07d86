// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/indexing.hpp"

#include <algorithm>

#include "ops/axis.hpp"
#include "ops/places.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Blocks;
using detail::IndexedBlocks;
using detail::Negative;

/// Slices along an axis: what index_select and its companions mean by one axis of indices.
template <class T>
IndexedBlocks slices(const char* name, const Tensor<T>& x, std::int64_t axis, const Indices& indices) {
  const std::size_t place = x.shape().axis(axis, name);
  XGRAD_CHECK(x.rank() > 0, name, ": a scalar has no axis to index");
  XGRAD_CHECK(indices.shape().rank() <= 1, name, ": indices of shape ", indices.shape(), "; expected one axis");
  const Indices flat = indices.shape().rank() == 1 ? indices : Indices(Shape{1}, indices.values());
  return detail::index_blocks(name, x.shape(), place, flat, Negative::refused);
}

/// The slices that `source` replaces or adds to: as many as it has.
template <class T>
IndexedBlocks slices_for(const char* name, const Tensor<T>& x, std::int64_t axis, const Indices& indices,
                         const Tensor<T>& source) {
  IndexedBlocks selected = slices(name, x, axis, indices);
  XGRAD_CHECK(source.shape() == selected.shape, name, ": source of shape ", source.shape(), " for x of shape ",
              x.shape(), " and ", indices.size(), " indices along axis ", axis, "; expected ", selected.shape);
  return selected;
}

template <class T>
Blocks places_along(const char* name, const Tensor<T>& x, std::int64_t axis, const Indices& indices) {
  return detail::along_axis(name, x.shape(), x.shape().axis(axis, name), indices, Negative::refused);
}

/// The part of `source` that `indices` have a place for.
template <class T> Tensor<T> source_for(const char* name, const Indices& indices, const Tensor<T>& source) {
  const Shape& shape = indices.shape();
  bool fits = source.rank() == shape.rank();
  for (std::size_t i = 0; fits && i < shape.rank(); ++i) fits = shape[i] <= source.shape()[i];
  XGRAD_CHECK(fits, name, ": source of shape ", source.shape(), " for indices of shape ", shape,
              "; expected as many axes, none shorter");
  Tensor<T> part = source;
  for (std::size_t i = 0; i < shape.rank(); ++i)
    if (shape[i] < part.shape()[i]) part = slice(part, static_cast<std::int64_t>(i), 0, shape[i]);
  return part;
}

template <class T> Mask mask_for(const char* name, const Tensor<T>& x, const Mask& mask) {
  return detail::broadcast_to(name, mask, x.shape());
}

/// Products of what scatter_reduce joins: `source` times onto places of x.
template <class T> Tensor<T> scatter_product(const Tensor<T>& x, const Tensor<T>& source, const Blocks& blocks) {
  Storage<T> value(x.storage());
  for (std::size_t i = 0; i < source.size(); ++i)
    value[static_cast<std::size_t>(blocks.places.data()[i])] *= source.data()[i];
  return record<T>(
      "scatter_reduce", x.shape(), std::move(value), kSaveInputs,
      [blocks](Node<T>& n, const Tensor<T>& g) {
        const Tensor<T> self = n.input(0), values = n.input(1);
        const Tensor<T> self_is_0 = (self.detach() == 0).indicator, value_is_0 = (values.detach() == 0).indicator;
        const Tensor<T> zeros = detail::add_blocks("scatter_reduce", self_is_0, value_is_0, blocks);
        // A factor's derivative is the product of the others: none of them may be 0.
        const Tensor<T> safe_self = where(self == 0, 1, self), safe_values = where(values == 0, 1, values);
        const Tensor<T> through = g * scatter_product(safe_self, safe_values, blocks);
        if (n.wants(0)) n.give(0, where(zeros - self_is_0 == 0, through / safe_self, 0));
        if (!n.wants(1)) return;
        const auto at = [&](const Tensor<T>& y) {
          return detail::take_blocks("scatter_reduce", y, blocks, values.shape());
        };
        n.give(1, where(at(zeros) - value_is_0 == 0, at(through) / safe_values, 0));
      },
      x, source);
}

/// The largest of x's element and all of source's at a place; ties share the gradient, constants of the second order.
template <class T> Tensor<T> scatter_maximum(const Tensor<T>& x, const Tensor<T>& source, const Blocks& blocks) {
  Storage<T> value(x.storage());
  for (std::size_t i = 0; i < source.size(); ++i) {
    T& best = value[static_cast<std::size_t>(blocks.places.data()[i])];
    const T now = source.data()[i];
    if (best == best && !(now <= best)) best = now;  // a NaN wins
  }
  return record<T>(
      "scatter_reduce", x.shape(), std::move(value), kSaveInputs | kSaveOutput,
      [blocks](Node<T>& n, const Tensor<T>& g) {
        const auto at = [&](const Tensor<T>& y) {
          return detail::take_blocks("scatter_reduce", y, blocks, n.input_shape(1));
        };
        const Tensor<T> y = n.output().detach();
        const Tensor<T> self = (n.input(0).detach() == y).indicator, values = (n.input(1).detach() == at(y)).indicator;
        const Tensor<T> ties = detail::add_blocks("scatter_reduce", self, values, blocks);
        const Tensor<T> share = g / where(ties == 0, 1, ties);  // none: a NaN
        if (n.wants(0)) n.give(0, share * self);
        if (n.wants(1)) n.give(1, at(share) * values);
      },
      x, source);
}

}  // namespace

template <class T> Tensor<T> index_select(const Tensor<T>& x, std::int64_t axis, const Indices& indices) {
  const IndexedBlocks selected = slices("index_select", x, axis, indices);
  return detail::take_blocks("index_select", x, selected.blocks, selected.shape);
}

template <class T> Tensor<T> gather(const Tensor<T>& x, std::int64_t axis, const Indices& indices) {
  return detail::take_blocks("gather", x, places_along("gather", x, axis, indices), indices.shape());
}

template <class T> Tensor<T> take_along_axis(const Tensor<T>& x, const Indices& indices, std::int64_t axis) {
  const std::size_t place = x.shape().axis(axis, "take_along_axis");
  XGRAD_CHECK(indices.shape().rank() == x.rank(), "take_along_axis: indices of shape ", indices.shape(), " for shape ",
              x.shape(), "; expected as many axes");
  if (x.rank() == 0) return gather(x, 0, detail::checked_places("take_along_axis", indices, 1, Negative::from_end));
  Shape wanted = indices.shape(), whole = x.shape();
  wanted[place] = whole[place] = 1;
  const Shape joint = broadcast_shapes(whole, wanted, "take_along_axis");
  wanted = whole = joint;
  wanted[place] = indices.shape()[place];
  whole[place] = x.shape()[place];
  const Indices broadcast = detail::broadcast_to("take_along_axis", indices, wanted);
  const Blocks blocks = detail::along_axis("take_along_axis", whole, place, broadcast, Negative::from_end);
  return detail::take_blocks("take_along_axis", expand(x, whole), blocks, wanted);
}

template <class T> Tensor<T> take(const Tensor<T>& x, const Indices& indices) {
  const Blocks blocks{detail::checked_places("take", indices, static_cast<std::int64_t>(x.size()), Negative::from_end)};
  return detail::take_blocks("take", x, blocks, indices.shape());
}

template <class T> Tensor<T> index(const Tensor<T>& x, const AxisIndices& indices) {
  const IndexedBlocks selected = detail::index_blocks("index", x.shape(), indices, Negative::from_end);
  return detail::take_blocks("index", x, selected.blocks, selected.shape);
}

template <class T>
Tensor<T> index_put(const Tensor<T>& x, const AxisIndices& indices, const Tensor<T>& values, bool accumulate) {
  const IndexedBlocks selected = detail::index_blocks("index_put", x.shape(), indices, Negative::from_end);
  XGRAD_CHECK(values.rank() <= selected.shape.rank() &&
                  broadcast_shapes(values.shape(), selected.shape, "index_put") == selected.shape,
              "index_put: values of shape ", values.shape(), " do not broadcast to ", selected.shape,
              ", what the indices select");
  const Tensor<T> source = expand(values, selected.shape);
  return accumulate ? detail::add_blocks("index_put", x, source, selected.blocks)
                    : detail::put_blocks("index_put", x, source, selected.blocks);
}

template <class T>
Tensor<T> index_add(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source,
                    double alpha) {
  const IndexedBlocks selected = slices_for("index_add", x, axis, indices, source);
  return detail::add_blocks("index_add", x, alpha == 1 ? source : source * alpha, selected.blocks);
}

template <class T>
Tensor<T> index_copy(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source) {
  const IndexedBlocks selected = slices_for("index_copy", x, axis, indices, source);
  return detail::put_blocks("index_copy", x, source, selected.blocks);
}

template <class T> Tensor<T> index_fill(const Tensor<T>& x, std::int64_t axis, const Indices& indices, double value) {
  return detail::fill_blocks("index_fill", x, value, slices("index_fill", x, axis, indices).blocks);
}

template <class T>
Tensor<T> scatter(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source) {
  const Blocks blocks = places_along("scatter", x, axis, indices);
  return detail::put_blocks("scatter", x, source_for("scatter", indices, source), blocks);
}
template <class T> Tensor<T> scatter(const Tensor<T>& x, std::int64_t axis, const Indices& indices, double value) {
  return detail::fill_blocks("scatter", x, value, places_along("scatter", x, axis, indices));
}
template <class T>
Tensor<T> scatter_add(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source) {
  const Blocks blocks = places_along("scatter_add", x, axis, indices);
  return detail::add_blocks("scatter_add", x, source_for("scatter_add", indices, source), blocks);
}

template <class T>
Tensor<T> scatter_reduce(const Tensor<T>& x, std::int64_t axis, const Indices& indices, const Tensor<T>& source,
                         ScatterReduce reduce, bool include_self) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const char* const name = "scatter_reduce";
  const Blocks blocks = places_along(name, x, axis, indices);
  const Tensor<T> values = source_for(name, indices, source);
  /// x, or what stands for nothing at the places that are written.
  const auto self = [&](double nothing) { return include_self ? x : detail::fill_blocks(name, x, nothing, blocks); };
  switch (reduce) {
    case ScatterReduce::prod: return scatter_product(self(1), values, blocks);
    case ScatterReduce::amax: return scatter_maximum(self(-infinity), values, blocks);
    case ScatterReduce::amin: return -scatter_maximum(-self(infinity), -values, blocks);
    case ScatterReduce::sum: return detail::add_blocks(name, self(0), values, blocks);
    case ScatterReduce::mean: break;
  }
  const Tensor<T> others =
      detail::fill_blocks(name, Tensor<T>::ones(x.shape()), include_self ? 1 : 0, blocks);  // that count once
  const Tensor<T> counts = detail::add_blocks(name, others, Tensor<T>::ones(values.shape()), blocks);
  return detail::add_blocks(name, self(0), values, blocks) / counts;
}

template <class T> Tensor<T> masked_select(const Tensor<T>& x, const Mask& mask) {
  const Shape shape = broadcast_shapes(x.shape(), mask.shape(), "masked_select");
  const Blocks blocks{detail::true_places(detail::broadcast_to("masked_select", mask, shape))};
  return detail::take_blocks("masked_select", expand(x, shape), blocks, blocks.places.shape());
}

template <class T> Tensor<T> masked_fill(const Tensor<T>& x, const Mask& mask, const Tensor<T>& value) {
  XGRAD_CHECK(value.rank() == 0, "masked_fill: value of shape ", value.shape(), "; expected a scalar");
  return where(mask_for("masked_fill", x, mask), value, x);
}
template <class T> Tensor<T> masked_fill(const Tensor<T>& x, const Mask& mask, double value) {
  return masked_fill(x, mask, Tensor<T>(static_cast<T>(value)));
}

template <class T> Tensor<T> masked_scatter(const Tensor<T>& x, const Mask& mask, const Tensor<T>& source) {
  const Blocks blocks{detail::true_places(mask_for("masked_scatter", x, mask))};
  const auto count = static_cast<std::int64_t>(blocks.places.size());
  XGRAD_CHECK(blocks.places.size() <= source.size(), "masked_scatter: ", count,
              " elements to be written, source of shape ", source.shape(), " has ", source.size());
  return detail::put_blocks("masked_scatter", x, slice(flatten(source), 0, 0, count), blocks);
}

Indices nonzero(const Mask& mask) {
  const Indices places = detail::true_places(mask);
  const std::size_t rank = mask.shape().rank();
  Indices result(Shape{static_cast<std::int64_t>(places.size()), static_cast<std::int64_t>(rank)});
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::int64_t rest = places.data()[i];
    for (std::size_t axis = rank; axis-- > 0; rest /= mask.shape()[axis])
      result.data()[i * rank + axis] = rest % mask.shape()[axis];
  }
  return result;
}
template <class T> Indices nonzero(const Tensor<T>& x) { return nonzero(Mask(x != 0)); }

template <class T>
Tensor<T> slice_update(const Tensor<T>& x, const Tensor<T>& v, std::int64_t axis, std::int64_t start, std::int64_t stop,
                       std::int64_t step) {
  const char* const name = "slice_update";
  XGRAD_CHECK(x.rank() > 0, name, ": a scalar has no axis to slice");
  XGRAD_CHECK(step >= 1, name, ": step ", step, "; expected >= 1");
  const std::size_t place = x.shape().axis(axis, name);
  const std::int64_t size = x.shape()[place];
  const auto clip = [size](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const std::int64_t first = clip(start), last = std::max(clip(stop), first);
  Indices indices(Shape{(last - first + step - 1) / step});
  for (std::size_t i = 0; i < indices.size(); ++i) indices.data()[i] = first + static_cast<std::int64_t>(i) * step;
  const IndexedBlocks selected = detail::index_blocks(name, x.shape(), place, indices, Negative::refused);
  XGRAD_CHECK(v.rank() <= selected.shape.rank() && broadcast_shapes(v.shape(), selected.shape, name) == selected.shape,
              name, ": v of shape ", v.shape(), " does not broadcast to the slice ", selected.shape);
  return detail::put_blocks(name, x, expand(v, selected.shape), selected.blocks);
}

#define XGRAD_INSTANTIATE(T)                                                                                         \
  template Tensor<T> index_select(const Tensor<T>&, std::int64_t, const Indices&);                                   \
  template Tensor<T> gather(const Tensor<T>&, std::int64_t, const Indices&);                                         \
  template Tensor<T> take_along_axis(const Tensor<T>&, const Indices&, std::int64_t);                                \
  template Tensor<T> take(const Tensor<T>&, const Indices&);                                                         \
  template Tensor<T> index(const Tensor<T>&, const AxisIndices&);                                                    \
  template Tensor<T> index_put(const Tensor<T>&, const AxisIndices&, const Tensor<T>&, bool);                        \
  template Tensor<T> index_add(const Tensor<T>&, std::int64_t, const Indices&, const Tensor<T>&, double);            \
  template Tensor<T> index_copy(const Tensor<T>&, std::int64_t, const Indices&, const Tensor<T>&);                   \
  template Tensor<T> index_fill(const Tensor<T>&, std::int64_t, const Indices&, double);                             \
  template Tensor<T> scatter(const Tensor<T>&, std::int64_t, const Indices&, const Tensor<T>&);                      \
  template Tensor<T> scatter(const Tensor<T>&, std::int64_t, const Indices&, double);                                \
  template Tensor<T> scatter_add(const Tensor<T>&, std::int64_t, const Indices&, const Tensor<T>&);                  \
  template Tensor<T> scatter_reduce(const Tensor<T>&, std::int64_t, const Indices&, const Tensor<T>&, ScatterReduce, \
                                    bool);                                                                           \
  template Tensor<T> masked_select(const Tensor<T>&, const Mask&);                                                   \
  template Tensor<T> masked_fill(const Tensor<T>&, const Mask&, const Tensor<T>&);                                   \
  template Tensor<T> masked_fill(const Tensor<T>&, const Mask&, double);                                             \
  template Tensor<T> masked_scatter(const Tensor<T>&, const Mask&, const Tensor<T>&);                                \
  template Indices nonzero(const Tensor<T>&);                                                                        \
  template Tensor<T> slice_update(const Tensor<T>&, const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t,      \
                                  std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
