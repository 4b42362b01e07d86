// SPDX-License-Identifier: BSD-3-Clause
#include "ops/places.hpp"

#include <algorithm>

#include "ops/axis.hpp"

namespace xgrad::detail {
namespace {

/// "3", or "(1, 0)" in an array of several axes.
std::string position_text(const Shape& shape, std::size_t flat) {
  if (shape.rank() <= 1) return std::to_string(flat);
  Shape position = shape;
  for (std::size_t i = shape.rank(); i-- > 0;) {
    const auto size = static_cast<std::size_t>(shape[i]);
    position[i] = static_cast<std::int64_t>(flat % size);
    flat /= size;
  }
  return position.to_string();
}

template <class T> Data<T> broadcasted(const char* name, const Data<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  XGRAD_CHECK(x.shape().rank() <= shape.rank() && broadcast_shapes(x.shape(), shape, name) == shape, name, ": shape ",
              x.shape(), " does not broadcast to ", shape);
  const Box::Numbers own = dense_strides(x.shape());
  Box::Numbers strides{};
  for (std::size_t i = shape.rank(), k = x.shape().rank(); k > 0;)
    if (--i, --k; x.shape()[k] != 1) strides[i] = own[k];
  Data<T> result(shape);
  const std::size_t cols = shape.rank() == 0 ? 1 : static_cast<std::size_t>(shape.back());
  const std::int64_t step = shape.rank() == 0 ? 0 : strides[shape.rank() - 1];
  for_each_row(shape, strides, [&](std::size_t row, std::int64_t offset) {
    for (std::size_t j = 0; j < cols; ++j)
      result.data()[row * cols + j] = x.data()[offset + static_cast<std::int64_t>(j) * step];
  });
  return result;
}

/// The offset of every element of `shape` in an array with the given strides.
Indices offsets(const Shape& shape, const Box::Numbers& strides) {
  Indices result(shape);
  const std::size_t cols = shape.rank() == 0 ? 1 : static_cast<std::size_t>(shape.back());
  for_each_row(shape, strides, [&](std::size_t row, std::int64_t offset) {
    for (std::size_t j = 0; j < cols; ++j)
      result.data()[row * cols + j] =
          offset + (shape.rank() == 0 ? 0 : static_cast<std::int64_t>(j) * strides[shape.rank() - 1]);
  });
  return result;
}

}  // namespace

Indices checked_places(const char* name, const Indices& indices, std::int64_t size, Negative negative) {
  const std::span<const std::int64_t> values = indices.values();
  std::int64_t lowest = 0, highest = -1;
  for (const std::int64_t v : values) {
    lowest = std::min(lowest, v);
    highest = std::max(highest, v);
  }
  const std::int64_t least = negative == Negative::from_end ? -size : 0;
  if (lowest < least || highest >= size) {
    const auto outside = [&](std::int64_t v) { return v < least || v >= size; };
    const auto at = static_cast<std::size_t>(std::find_if(values.begin(), values.end(), outside) - values.begin());
    if (size == 0)
      fail(name, ": index ", values[at], " at position ", position_text(indices.shape(), at), " of an axis of size 0");
    fail(name, ": index ", values[at], " at position ", position_text(indices.shape(), at), "; expected ", least,
         " to ", size - 1);
  }
  Indices result(indices.shape());  // a copy in any case: backward reads it, and the caller's array may change
  std::transform(values.begin(), values.end(), result.data(), [size](std::int64_t v) { return v < 0 ? v + size : v; });
  return result;
}

Indices broadcast_to(const char* name, const Indices& indices, const Shape& shape) {
  return broadcasted(name, indices, shape);
}
Mask broadcast_to(const char* name, const Mask& mask, const Shape& shape) { return broadcasted(name, mask, shape); }

IndexedBlocks index_blocks(const char* name, const Shape& x, std::span<const std::optional<Indices>> indices,
                           Negative negative) {
  XGRAD_CHECK(indices.size() <= x.rank(), name, ": ", indices.size(), " indices for shape ", x,
              "; expected at most one for each axis");
  // The indexed axes become one block of axes: where the first of them was if they are neighbours, else in front.
  Shape indexed;
  std::size_t first = x.rank(), last = 0, count = 0;
  for (std::size_t axis = 0; axis < indices.size(); ++axis) {
    if (!indices[axis]) continue;
    indexed = count == 0 ? indices[axis]->shape() : broadcast_shapes(indexed, indices[axis]->shape(), name);
    first = std::min(first, axis);
    last = axis;
    ++count;
  }
  XGRAD_CHECK(count > 0, name, ": no axis of shape ", x, " is indexed; expected at least one index array");
  const bool neighbours = last - first + 1 == count;

  const Box::Numbers strides = dense_strides(x);
  std::size_t length = 1;
  for (std::size_t axis = last + 1; axis < x.rank(); ++axis) length *= static_cast<std::size_t>(x[axis]);
  const auto stride = [&](std::size_t axis) {  // in blocks
    return length == 0 ? 0 : strides[axis] / static_cast<std::int64_t>(length);
  };
  Shape kept;
  Box::Numbers kept_strides{};
  for (std::size_t axis = 0; axis <= last; ++axis)
    if (!indices[axis]) {
      kept_strides[kept.rank()] = stride(axis);
      kept.push_back(x[axis]);
    }
  Indices sum;  // of what the indexed axes contribute
  const auto places_of = [&](std::size_t axis) {
    return broadcast_to(name, checked_places(name, *indices[axis], x[axis], negative), indexed);
  };
  if (count == 1 && stride(first) == 1) {
    sum = places_of(first);
  } else {
    sum = Indices(indexed);
    std::fill_n(sum.data(), sum.size(), 0);
    for (std::size_t axis = first; axis <= last; ++axis) {
      if (!indices[axis]) continue;
      const Indices places = places_of(axis);
      for (std::size_t i = 0; i < places.size(); ++i) sum.data()[i] += places.data()[i] * stride(axis);
    }
  }

  Shape shape;
  const auto append = [&shape](const Shape& axes) {
    for (const std::int64_t size : axes) shape.push_back(size);
  };
  append(neighbours ? kept : indexed);
  append(neighbours ? indexed : kept);
  for (std::size_t axis = last + 1; axis < x.rank(); ++axis) shape.push_back(x[axis]);
  if (kept.rank() == 0) return {{sum, length}, shape};
  const Indices lead = offsets(kept, kept_strides);
  const Indices& outer = neighbours ? lead : sum;
  const Indices& inner = neighbours ? sum : lead;
  Indices places(Shape{static_cast<std::int64_t>(outer.size() * inner.size())});
  for (std::size_t i = 0, at = 0; i < outer.size(); ++i)
    for (std::size_t j = 0; j < inner.size(); ++j, ++at) places.data()[at] = outer.data()[i] + inner.data()[j];
  return {{places, length}, shape};
}

IndexedBlocks index_blocks(const char* name, const Shape& x, std::size_t axis, const Indices& indices,
                           Negative negative) {
  std::array<std::optional<Indices>, Shape::kMaxRank> each;
  each[axis] = indices;
  return index_blocks(name, x, {each.data(), axis + 1}, negative);
}

Blocks along_axis(const char* name, const Shape& x, std::size_t axis, const Indices& indices, Negative negative) {
  const Shape& shape = indices.shape();
  XGRAD_CHECK(shape.rank() == x.rank(), name, ": indices of shape ", shape, " for shape ", x,
              "; expected as many axes");
  for (std::size_t i = 0; i < x.rank(); ++i)
    XGRAD_CHECK(i == axis || shape[i] <= x[i], name, ": indices of shape ", shape, " for shape ", x, "; no axis but ",
                axis, " may be larger");
  const Indices checked = checked_places(name, indices, x.rank() == 0 ? 1 : x[axis], negative);
  if (x.rank() == 0) return {checked, 1};
  Box::Numbers strides = dense_strides(x);
  const std::int64_t along = std::exchange(strides[axis], 0), step = strides[x.rank() - 1];
  const auto cols = static_cast<std::size_t>(shape.back());
  Indices places(shape);
  for_each_row(shape, strides, [&](std::size_t row, std::int64_t offset) {
    const std::int64_t* from = checked.data() + row * cols;
    std::int64_t* to = places.data() + row * cols;
    for (std::size_t j = 0; j < cols; ++j) to[j] = offset + static_cast<std::int64_t>(j) * step + from[j] * along;
  });
  return {places, 1};
}

Indices true_places(const Mask& mask) {
  Indices places(Shape{std::count(mask.data(), mask.data() + mask.size(), true)});
  std::int64_t* to = places.data();
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask.data()[i]) *to++ = static_cast<std::int64_t>(i);
  return places;
}

}  // namespace xgrad::detail
