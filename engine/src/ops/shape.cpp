// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/shape.hpp"

#include <algorithm>
#include <array>

#include "kernels/functions.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/ops/reduce.hpp"

namespace xgrad {
namespace {

/// `sizes` with their -1 replaced, so that they hold `size` elements.
Shape infer(const char* name, std::int64_t size, const Shape& from, std::span<const std::int64_t> sizes) {
  std::array<std::int64_t, Shape::kMaxRank> known{};
  XGRAD_CHECK(sizes.size() <= known.size(), name, ": ", sizes.size(), " axes; at most ", known.size(),
              " are supported");
  std::copy(sizes.begin(), sizes.end(), known.begin());
  std::int64_t product = 1, open = -1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      XGRAD_CHECK(open < 0, name, ": more than one size is -1; only one can follow from the rest");
      open = static_cast<std::int64_t>(i);
    } else {
      product *= sizes[i];
    }
  }
  if (open >= 0) {
    XGRAD_CHECK(product > 0 && size % product == 0, name, ": the size -1 has no solution for shape ", from, ", whose ",
                size, " elements are no multiple of ", product);
    known[static_cast<std::size_t>(open)] = size / product;
  }
  return Shape(std::span<const std::int64_t>(known.data(), sizes.size()));
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
  return reshape(x, infer("reshape", static_cast<std::int64_t>(x.size()), x.shape(), {sizes.begin(), sizes.size()}));
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

template <class T> Tensor<T> unflatten(const Tensor<T>& x, std::int64_t axis, const std::vector<std::int64_t>& sizes) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(shape.rank() > 0, "unflatten: a scalar has no axis to cut");
  const std::size_t place = shape.axis(axis, "unflatten");
  const Shape cut = infer("unflatten", shape[place], shape, sizes);
  XGRAD_CHECK(!sizes.empty() && static_cast<std::int64_t>(cut.size()) == shape[place], "unflatten: axis ", axis,
              " of shape ", shape, " has size ", shape[place], ", ", cut, " has ", cut.size(),
              " elements; expected as many");
  Shape result = shape.erased(place);
  for (std::size_t i = 0; i < cut.rank(); ++i) result = result.inserted(place + i, cut[i]);
  return reshape(x, result);
}

template <class T> Tensor<T> squeeze(const Tensor<T>& x, std::int64_t axis) {
  const std::size_t place = x.shape().axis(axis, "squeeze");
  if (x.rank() == 0) return x;
  XGRAD_CHECK(x.shape()[place] == 1, "squeeze: axis ", axis, " of shape ", x.shape(), " has size ", x.shape()[place],
              "; expected 1");
  return reshape(x, x.shape().erased(place));
}

template <class T> Tensor<T> squeeze(const Tensor<T>& x, const std::vector<std::int64_t>& axes) {
  if (axes.empty()) return x;
  const AxisFlags named = Axes(axes).selected(x.shape(), "squeeze");
  Shape shape;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    XGRAD_CHECK(!named[i] || x.shape()[i] == 1, "squeeze: axis ", i, " of shape ", x.shape(), " has size ",
                x.shape()[i], "; expected 1");
    if (!named[i]) shape.push_back(x.shape()[i]);
  }
  return reshape(x, shape);
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

template <class T> Tensor<T> atleast_1d(const Tensor<T>& x) { return x.rank() == 0 ? unsqueeze(x, 0) : x; }
template <class T> Tensor<T> atleast_2d(const Tensor<T>& x) { return x.rank() < 2 ? unsqueeze(atleast_1d(x), 0) : x; }
template <class T> Tensor<T> atleast_3d(const Tensor<T>& x) { return x.rank() < 3 ? unsqueeze(atleast_2d(x), 2) : x; }

template <class T> Tensor<T> expand(const Tensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const Shape joint = x.rank() <= shape.rank() ? broadcast_shapes(x.shape(), shape, "expand") : x.shape();
  XGRAD_CHECK(joint == shape, "expand: ", x.shape(), " does not expand to ", shape, "; only axes of size 1 can grow");
  Node<T>* const inputs[] = {x.node()};
  const char none = 0;
  Storage<T> value = detail::map_forward(detail::identity_kernel<T>(), &none, shape, std::span<Node<T>* const>(inputs));
  return record<T>(
      "expand", shape, std::move(value), kSaveNothing,
      [](Node<T>& n, const Tensor<T>& g) { n.give(0, sum_to(g, n.input_shape(0))); }, x);
}

template <class T> Tensor<T> expand(const Tensor<T>& x, std::initializer_list<std::int64_t> sizes) {
  const std::vector<std::int64_t> given(sizes);
  XGRAD_CHECK(given.size() >= x.rank(), "expand: ", given.size(), " sizes for shape ", x.shape(), "; expected ",
              x.rank(), " or more");
  std::vector<std::int64_t> known = given;
  const std::size_t added = given.size() - x.rank();
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] != -1) continue;
    XGRAD_CHECK(i >= added, "expand: the size of new axis ", i, " before shape ", x.shape(),
                " is -1; only the size of an axis that is there can be kept");
    known[i] = x.shape()[i - added];
  }
  return expand(x, Shape(known));
}

template <class T> Tensor<T> broadcast_to(const Tensor<T>& x, const Shape& shape) { return expand(x, shape); }

template <class T> std::vector<Tensor<T>> broadcast_tensors(const std::vector<Tensor<T>>& x) {
  Shape shape;
  for (const Tensor<T>& one : x) shape = broadcast_shapes(shape, one.shape(), "broadcast_tensors");
  std::vector<Tensor<T>> result;
  for (const Tensor<T>& one : x) result.push_back(expand(one, shape));
  return result;
}

namespace {

/// (N, R...): the leading axes, up to those that an operation works on, merged into one.
template <class T> Tensor<T> merge_leading(const Tensor<T>& x, std::size_t kept) {
  Shape shape{1};
  for (std::size_t i = 0; i < x.rank(); ++i)
    if (i + kept < x.rank())
      shape[0] *= x.shape()[i];
    else
      shape.push_back(x.shape()[i]);
  return reshape(x, shape);
}

/// x's leading axes, then the sizes (C, H, W).
Shape with_image(const Shape& x, std::int64_t channels, std::int64_t height, std::int64_t width) {
  Shape shape = x;
  shape[x.rank() - 3] = channels;
  shape[x.rank() - 2] = height;
  shape[x.rank() - 1] = width;
  return shape;
}

}  // namespace

template <class T> Tensor<T> pixel_shuffle(const Tensor<T>& x, std::int64_t r) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(r >= 1, "pixel_shuffle: r is ", r, "; expected >= 1");
  XGRAD_CHECK(shape.rank() >= 3 && shape[shape.rank() - 3] % (r * r) == 0, "pixel_shuffle: shape ", shape,
              "; expected (..., C r^2, H, W) with a number of channels divisible by ", r * r);
  const std::int64_t channels = shape[shape.rank() - 3] / (r * r), height = shape[shape.rank() - 2],
                     width = shape.back();
  const Tensor<T> images = merge_leading(x, 3);
  const Tensor<T> cut = reshape(images, Shape{images.shape()[0], channels, r, r, height, width});
  return reshape(permute(cut, {0, 1, 4, 2, 5, 3}), with_image(shape, channels, height * r, width * r));
}

template <class T> Tensor<T> pixel_unshuffle(const Tensor<T>& x, std::int64_t r) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(r >= 1, "pixel_unshuffle: r is ", r, "; expected >= 1");
  XGRAD_CHECK(shape.rank() >= 3 && shape[shape.rank() - 2] % r == 0 && shape.back() % r == 0, "pixel_unshuffle: shape ",
              shape, "; expected (..., C, H r, W r) with H r and W r divisible by ", r);
  const std::int64_t channels = shape[shape.rank() - 3], height = shape[shape.rank() - 2] / r, width = shape.back() / r;
  const Tensor<T> images = merge_leading(x, 3);
  const Tensor<T> cut = reshape(images, Shape{images.shape()[0], channels, height, r, width, r});
  return reshape(permute(cut, {0, 1, 3, 5, 2, 4}), with_image(shape, channels * r * r, height, width));
}

template <class T> Tensor<T> channel_shuffle(const Tensor<T>& x, std::int64_t groups) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(groups >= 1 && shape.rank() >= 2 && shape[1] % groups == 0, "channel_shuffle: shape ", shape, ", ",
              groups, " groups; expected (N, C, ...) with a number of channels divisible by the number of groups");
  const auto images = static_cast<std::int64_t>(Shape(shape.sizes().subspan(2)).size());
  return reshape(transpose(reshape(x, Shape{shape[0], groups, shape[1] / groups, images}), 1, 2), shape);
}

#define XGRAD_INSTANTIATE(T)                                                                      \
  template Tensor<T> reshape(const Tensor<T>&, const Shape&);                                     \
  template Tensor<T> reshape(const Tensor<T>&, std::initializer_list<std::int64_t>);              \
  template Tensor<T> flatten(const Tensor<T>&, std::int64_t, std::int64_t);                       \
  template Tensor<T> unflatten(const Tensor<T>&, std::int64_t, const std::vector<std::int64_t>&); \
  template Tensor<T> squeeze(const Tensor<T>&, std::int64_t);                                     \
  template Tensor<T> squeeze(const Tensor<T>&, const std::vector<std::int64_t>&);                 \
  template Tensor<T> squeeze(const Tensor<T>&);                                                   \
  template Tensor<T> unsqueeze(const Tensor<T>&, std::int64_t);                                   \
  template Tensor<T> atleast_1d(const Tensor<T>&);                                                \
  template Tensor<T> atleast_2d(const Tensor<T>&);                                                \
  template Tensor<T> atleast_3d(const Tensor<T>&);                                                \
  template Tensor<T> expand(const Tensor<T>&, const Shape&);                                      \
  template Tensor<T> expand(const Tensor<T>&, std::initializer_list<std::int64_t>);               \
  template Tensor<T> broadcast_to(const Tensor<T>&, const Shape&);                                \
  template std::vector<Tensor<T>> broadcast_tensors(const std::vector<Tensor<T>>&);               \
  template Tensor<T> pixel_shuffle(const Tensor<T>&, std::int64_t);                               \
  template Tensor<T> pixel_unshuffle(const Tensor<T>&, std::int64_t);                             \
  template Tensor<T> channel_shuffle(const Tensor<T>&, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
