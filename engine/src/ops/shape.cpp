// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/shape.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/functions.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/ops/reduce.hpp"

namespace xgrad {
namespace {

/// `shape` with its -1 replaced.
Shape infer(const Shape& from, std::span<const std::int64_t> sizes) {
  std::array<std::int64_t, Shape::kMaxRank> known{};
  XGRAD_CHECK(sizes.size() <= known.size(), "reshape: ", sizes.size(), " axes; at most ", known.size(),
              " are supported");
  std::copy(sizes.begin(), sizes.end(), known.begin());
  std::int64_t product = 1, open = -1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      XGRAD_CHECK(open < 0, "reshape: more than one size is -1; only one can follow from the rest");
      open = static_cast<std::int64_t>(i);
    } else {
      product *= sizes[i];
    }
  }
  if (open >= 0) {
    const auto size = static_cast<std::int64_t>(from.size());
    XGRAD_CHECK(product > 0 && size % product == 0, "reshape: the size -1 has no solution for shape ", from, ", whose ",
                from.size(), " elements are no multiple of ", product);
    known[static_cast<std::size_t>(open)] = size / product;
  }
  return Shape(std::span<const std::int64_t>(known.data(), sizes.size()));
}

/// y = x with its axes permuted: result axis i has the given size and is `strides[i]` apart in x.
template <class T>
void copy_strided(const T* x, T* y, std::span<const std::int64_t> sizes, std::span<const std::int64_t> strides) {
  // Merge axes that lie behind one another in both, then copy runs, or tiles where the runs cross.
  std::array<std::int64_t, Shape::kMaxRank> size{}, stride{}, out_stride{};
  std::size_t rank = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 1) continue;
    if (rank > 0 && stride[rank - 1] == strides[i] * sizes[i]) {
      size[rank - 1] *= sizes[i];
      stride[rank - 1] = strides[i];
    } else {
      size[rank] = sizes[i];
      stride[rank++] = strides[i];
    }
  }
  if (rank == 0) return void(*y = *x);
  for (std::size_t i = rank, product = 1; i-- > 0; product *= static_cast<std::size_t>(size[i]))
    out_stride[i] = static_cast<std::int64_t>(product);
  const std::size_t inner = rank - 1;
  std::size_t crossing = inner;  // the axis whose elements are neighbours in x
  for (std::size_t i = 0; i < rank; ++i)
    if (stride[i] == 1) crossing = i;

  std::array<std::int64_t, Shape::kMaxRank> index{};
  for (;;) {
    const T* from = x;
    T* to = y;
    for (std::size_t i = 0; i < rank; ++i) {
      from += index[i] * stride[i];
      to += index[i] * out_stride[i];
    }
    if (crossing == inner && stride[inner] == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(size[inner]) * sizeof(T));
    } else if (crossing == inner) {
      for (std::int64_t j = 0; j < size[inner]; ++j) to[j] = from[j * stride[inner]];
    } else {
      constexpr std::int64_t kTile = 32;
      for (std::int64_t i0 = 0; i0 < size[crossing]; i0 += kTile)
        for (std::int64_t j0 = 0; j0 < size[inner]; j0 += kTile)
          for (std::int64_t i = i0; i < std::min(i0 + kTile, size[crossing]); ++i)
            for (std::int64_t j = j0; j < std::min(j0 + kTile, size[inner]); ++j)
              to[i * out_stride[crossing] + j] = from[i + j * stride[inner]];
    }
    std::size_t axis = rank;
    while (axis-- > 0) {
      if (axis == inner || axis == crossing) continue;
      if (++index[axis] < size[axis]) break;
      index[axis] = 0;
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

struct SliceRange {
  std::size_t axis;
  std::int64_t start, step, count;
};

/// Copies the slice of `whole` to or from `part`; the shape is whole's.
template <class T, class Copy> void for_slice(const Shape& shape, const SliceRange& range, Copy copy) {
  std::int64_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < range.axis; ++i) outer *= shape[i];
  for (std::size_t i = range.axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  for (std::int64_t o = 0; o < outer; ++o) {
    const std::int64_t base = o * shape[range.axis];
    if (range.step == 1) {
      copy((base + range.start) * inner, o * range.count * inner, range.count * inner);
      continue;
    }
    for (std::int64_t i = 0; i < range.count; ++i)
      copy((base + range.start + i * range.step) * inner, (o * range.count + i) * inner, inner);
  }
}

template <class T> Tensor<T> take_slice(const Tensor<T>& x, const SliceRange& range);

/// Zeros of `shape` with g written into the slice: what slice gives back.
template <class T> Tensor<T> put_slice(const Tensor<T>& g, const Shape& shape, const SliceRange& range) {
  Storage<T> value(shape.size(), T{0});
  for_slice<T>(shape, range, [&](std::int64_t whole, std::int64_t part, std::int64_t n) {
    std::copy_n(g.data() + part, n, value.data() + whole);
  });
  return record<T>(
      "put_slice", shape, std::move(value), kSaveNothing,
      [range](Node<T>& n, const Tensor<T>& gradient) { n.give(0, take_slice(gradient, range)); }, g);
}

template <class T> Tensor<T> take_slice(const Tensor<T>& x, const SliceRange& range) {
  Shape shape = x.shape();
  shape[range.axis] = range.count;
  Storage<T> value(shape.size());
  for_slice<T>(x.shape(), range, [&](std::int64_t whole, std::int64_t part, std::int64_t n) {
    std::copy_n(x.data() + whole, n, value.data() + part);
  });
  return record<T>(
      "slice", shape, std::move(value), kSaveNothing,
      [range](Node<T>& n, const Tensor<T>& g) { n.give(0, put_slice(g, n.input_shape(0), range)); }, x);
}

}  // namespace

template <class T> Tensor<T> reshape(const Tensor<T>& x, const Shape& shape) {
  XGRAD_CHECK(shape.size() == x.size(), "reshape: ", x.shape(), " has ", x.size(), " elements, ", shape, " has ",
              shape.size(), "; expected as many");
  return record<T>(
      "reshape", shape, x.storage().share(), kSaveNothing,
      [](Node<T>& n, const Tensor<T>& g) { n.give(0, reshape(g, n.input_shape(0))); }, x);
}

template <class T> Tensor<T> reshape(const Tensor<T>& x, std::initializer_list<std::int64_t> sizes) {
  return reshape(x, infer(x.shape(), {sizes.begin(), sizes.size()}));
}

template <class T> Tensor<T> flatten(const Tensor<T>& x, std::int64_t start, std::int64_t end) {
  const Shape& shape = x.shape();
  if (shape.rank() == 0) return reshape(x, Shape{1});
  const std::size_t first = shape.axis(start, "flatten"), last = shape.axis(end, "flatten");
  XGRAD_CHECK(first <= last, "flatten: start ", start, " lies behind end ", end, " for shape ", shape);
  Shape merged;
  for (std::size_t i = 0; i < shape.rank(); ++i)
    if (i > first && i <= last)
      merged[first] *= shape[i];
    else
      merged.push_back(shape[i]);
  return reshape(x, merged);
}

template <class T> Tensor<T> squeeze(const Tensor<T>& x, std::int64_t axis) {
  const std::size_t place = x.shape().axis(axis, "squeeze");
  if (x.rank() == 0) return x;
  XGRAD_CHECK(x.shape()[place] == 1, "squeeze: axis ", axis, " of shape ", x.shape(), " has size ", x.shape()[place],
              "; expected 1");
  return reshape(x, x.shape().erased(place));
}

template <class T> Tensor<T> squeeze(const Tensor<T>& x) {
  Shape shape;
  for (const std::int64_t size : x.shape())
    if (size != 1) shape.push_back(size);
  return reshape(x, shape);
}

template <class T> Tensor<T> unsqueeze(const Tensor<T>& x, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(x.rank());
  XGRAD_CHECK(axis >= -rank - 1 && axis <= rank, "unsqueeze: axis ", axis, " for shape ", x.shape(), "; expected ",
              -rank - 1, " to ", rank);
  return reshape(x, x.shape().inserted(static_cast<std::size_t>(axis < 0 ? axis + rank + 1 : axis), 1));
}

template <class T> Tensor<T> permute(const Tensor<T>& x, const std::vector<std::int64_t>& order) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(order.size() == shape.rank(), "permute: ", order.size(), " axes named for shape ", shape,
              "; expected every axis once");
  std::array<std::int64_t, Shape::kMaxRank> strides{}, in_strides{};
  for (std::size_t i = shape.rank(), product = 1; i-- > 0; product *= static_cast<std::size_t>(shape[i]))
    in_strides[i] = static_cast<std::int64_t>(product);
  Shape result = shape;
  std::vector<std::int64_t> inverse(order.size(), -1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t axis = shape.axis(order[i], "permute");
    XGRAD_CHECK(inverse[axis] < 0, "permute: axis ", order[i], " of shape ", shape, " is named twice");
    inverse[axis] = static_cast<std::int64_t>(i);
    result[i] = shape[axis];
    strides[i] = in_strides[axis];
  }
  Storage<T> value(x.size());
  if (x.size() > 0) copy_strided(x.data(), value.data(), result.sizes(), {strides.data(), result.rank()});
  return record<T>(
      "permute", result, std::move(value), kSaveNothing,
      [inverse = std::move(inverse)](Node<T>& n, const Tensor<T>& g) { n.give(0, permute(g, inverse)); }, x);
}

template <class T> Tensor<T> transpose(const Tensor<T>& x, std::int64_t axis_a, std::int64_t axis_b) {
  const std::size_t a = x.shape().axis(axis_a, "transpose"), b = x.shape().axis(axis_b, "transpose");
  std::vector<std::int64_t> order(x.rank());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i == a ? b : i == b ? a : i);
  return permute(x, order);
}

template <class T> Tensor<T> expand(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const Shape joint = x.rank() <= shape.rank() ? broadcast_shapes(x.shape(), shape, "expand") : x.shape();
  XGRAD_CHECK(joint == shape, "expand: ", x.shape(), " does not expand to ", shape, "; only axes of size 1 can grow");
  Node<T>* const inputs[] = {x.node()};
  const char none = 0;
  Storage<T> value = detail::map_forward(detail::kernel_of<T>(detail::Selection::identity), &none, shape,
                                         std::span<Node<T>* const>(inputs));
  return record<T>(
      "expand", shape, std::move(value), kSaveNothing,
      [](Node<T>& n, const Tensor<T>& g) { n.give(0, sum_to(g, n.input_shape(0))); }, x);
}

template <class T>
Tensor<T> slice(const Tensor<T>& x, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(shape.rank() > 0, "slice: a scalar has no axis to slice");
  XGRAD_CHECK(step >= 1, "slice: step ", step, "; expected >= 1 (use flip for a reversed axis)");
  const std::size_t place = shape.axis(axis, "slice");
  const std::int64_t size = shape[place];
  const auto clip = [size](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const std::int64_t first = clip(start), last = std::max(clip(stop), first);
  return take_slice(x, {place, first, step, (last - first + step - 1) / step});
}

template <class T> Tensor<T> concat(const std::vector<Tensor<T>>& parts, std::int64_t axis) {
  XGRAD_CHECK(!parts.empty(), "concat: the list is empty; expected at least one tensor");
  const Shape& first = parts[0].shape();
  XGRAD_CHECK(first.rank() > 0, "concat: scalars have no axis to join along; use stack");
  const std::size_t place = first.axis(axis, "concat");
  Shape shape = first;
  shape[place] = 0;
  std::vector<Node<T>*> inputs;
  for (const Tensor<T>& part : parts) {
    Shape expected = first;
    if (part.rank() == first.rank()) expected[place] = part.shape()[place];
    XGRAD_CHECK(part.shape() == expected, "concat: shapes ", first, " and ", part.shape(),
                " differ in an axis other than ", axis, "; all other sizes must be equal");
    shape[place] += part.shape()[place];
    inputs.push_back(part.node());
  }
  Storage<T> value(shape.size());
  std::int64_t start = 0;
  for (const Tensor<T>& part : parts) {
    for_slice<T>(shape, {place, start, 1, part.shape()[place]},
                 [&](std::int64_t whole, std::int64_t from, std::int64_t n) {
                   std::copy_n(part.data() + from, n, value.data() + whole);
                 });
    start += part.shape()[place];
  }
  return record<T>(
      "concat", shape, std::move(value), kSaveNothing,
      [place](Node<T>& n, const Tensor<T>& g) {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < n.input_count; ++k) {
          const std::int64_t size = n.input_shape(k)[place];
          if (n.wants(k)) n.give(k, take_slice(g, {place, at, 1, size}));
          at += size;
        }
      },
      std::span<Node<T>* const>(inputs));
}

template <class T> Tensor<T> stack(const std::vector<Tensor<T>>& parts, std::int64_t axis) {
  XGRAD_CHECK(!parts.empty(), "stack: the list is empty; expected at least one tensor");
  std::vector<Tensor<T>> raised;
  for (const Tensor<T>& part : parts) {
    XGRAD_CHECK(part.shape() == parts[0].shape(), "stack: shapes ", parts[0].shape(), " and ", part.shape(),
                " differ; expected equal shapes");
    raised.push_back(unsqueeze(part, axis));
  }
  return concat(raised, axis);
}

#define XGRAD_INSTANTIATE(T)                                                                          \
  template Tensor<T> reshape(const Tensor<T>&, const Shape&);                                         \
  template Tensor<T> reshape(const Tensor<T>&, std::initializer_list<std::int64_t>);                  \
  template Tensor<T> flatten(const Tensor<T>&, std::int64_t, std::int64_t);                           \
  template Tensor<T> squeeze(const Tensor<T>&, std::int64_t);                                         \
  template Tensor<T> squeeze(const Tensor<T>&);                                                       \
  template Tensor<T> unsqueeze(const Tensor<T>&, std::int64_t);                                       \
  template Tensor<T> transpose(const Tensor<T>&, std::int64_t, std::int64_t);                         \
  template Tensor<T> permute(const Tensor<T>&, const std::vector<std::int64_t>&);                     \
  template Tensor<T> expand(const Tensor<T>&, const Shape&);                                          \
  template Tensor<T> slice(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t, std::int64_t); \
  template Tensor<T> concat(const std::vector<Tensor<T>>&, std::int64_t);                             \
  template Tensor<T> stack(const std::vector<Tensor<T>>&, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
