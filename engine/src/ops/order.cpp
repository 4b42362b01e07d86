// SPDX-License-Identifier: BSD-3-Clause
// The same elements in another order.
#include <algorithm>

#include "ops/movement.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {

using detail::Box;
using detail::Reach;
using detail::Segment;
using detail::View;

template <class T> Tensor<T> permute(const Tensor<T>& x, const std::vector<std::int64_t>& order) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(order.size() == shape.rank(), "permute: ", order.size(), " axes named for shape ", shape,
              "; expected every axis once");
  const View whole(shape);
  View view = whole;
  bool seen[Shape::kMaxRank] = {}, in_order = true;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t axis = shape.axis(order[i], "permute");
    XGRAD_CHECK(!seen[axis], "permute: axis ", order[i], " of shape ", shape, " is named twice");
    seen[axis] = true;
    in_order = in_order && axis == i;
    view.shape[i] = shape[axis];
    view.strides[i] = whole.strides[axis];
  }
  return in_order ? x : detail::take("permute", x, view, Reach::once);
}

template <class T> Tensor<T> transpose(const Tensor<T>& x, std::int64_t axis_a, std::int64_t axis_b) {
  const std::size_t a = x.shape().axis(axis_a, "transpose"), b = x.shape().axis(axis_b, "transpose");
  if (a == b) return x;
  View view(x.shape());
  view.swap(a, b);
  return detail::take("transpose", x, view, Reach::once);
}

template <class T> Tensor<T> swapaxes(const Tensor<T>& x, std::int64_t axis_a, std::int64_t axis_b) {
  return transpose(x, axis_a, axis_b);
}

template <class T> Tensor<T> t(const Tensor<T>& x) {
  XGRAD_CHECK(x.rank() <= 2, "t: shape ", x.shape(), " has more than 2 axes; use mT for a batch, permute for the rest");
  return x.rank() == 2 ? transpose(x, 0, 1) : x;
}

template <class T> Tensor<T> mT(const Tensor<T>& x) {
  XGRAD_CHECK(x.rank() >= 2, "mT: shape ", x.shape(), "; expected 2 axes or more");
  return transpose(x, -2, -1);
}

template <class T>
Tensor<T> movedim(const Tensor<T>& x, const std::vector<std::int64_t>& source,
                  const std::vector<std::int64_t>& destination) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(source.size() == destination.size(), "movedim: ", source.size(), " axes to ", destination.size(),
              " places; expected as many");
  if (shape.rank() == 0) return x;
  constexpr std::int64_t kFree = -1;
  std::vector<std::int64_t> order(shape.rank(), kFree);
  bool moved[Shape::kMaxRank] = {};
  for (std::size_t i = 0; i < source.size(); ++i) {
    const std::size_t from = shape.axis(source[i], "movedim"), to = shape.axis(destination[i], "movedim");
    XGRAD_CHECK(!moved[from], "movedim: axis ", source[i], " of shape ", shape, " is named twice");
    XGRAD_CHECK(order[to] == kFree, "movedim: place ", destination[i], " for an axis of shape ", shape,
                " is named twice");
    moved[from] = true;
    order[to] = static_cast<std::int64_t>(from);
  }
  std::size_t next = 0;
  for (std::int64_t& axis : order) {
    if (axis != kFree) continue;
    while (moved[next]) ++next;
    axis = static_cast<std::int64_t>(next++);
  }
  return permute(x, order);
}

template <class T> Tensor<T> movedim(const Tensor<T>& x, std::int64_t source, std::int64_t destination) {
  return movedim(x, std::vector<std::int64_t>{source}, std::vector<std::int64_t>{destination});
}

template <class T> Tensor<T> flip(const Tensor<T>& x, const std::vector<std::int64_t>& axes) {
  View view(x.shape());
  bool seen[Shape::kMaxRank] = {};
  for (const std::int64_t axis : axes) {
    const std::size_t place = x.shape().axis(axis, "flip");
    XGRAD_CHECK(!seen[place], "flip: axis ", axis, " of shape ", x.shape(), " is named twice");
    seen[place] = true;
    if (x.rank() > 0) view.flip(place);
  }
  return detail::take("flip", x, view, Reach::once);
}

template <class T>
Tensor<T> roll(const Tensor<T>& x, const std::vector<std::int64_t>& shifts, const std::vector<std::int64_t>& axes) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(shifts.size() == axes.size(), "roll: ", shifts.size(), " shifts for ", axes.size(),
              " axes; expected as many");
  std::vector<std::int64_t> shift(shape.rank());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = shape.axis(axes[i], "roll");
    if (shape.rank() > 0) shift[axis] += shifts[i];  // an axis may be named twice, as in PyTorch
  }
  std::vector<std::vector<Segment>> segments;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t size = shape[axis], first = size == 0 ? 0 : (shift[axis] % size + size) % size;
    segments.push_back({{0, first, size - first}});
    if (first > 0) segments.back().push_back({size - first, 0, first});
  }
  return detail::rearrange("roll", x, shape, {detail::combine(shape, shape, segments), Reach::once, Reach::once});
}

template <class T> Tensor<T> roll(const Tensor<T>& x, std::int64_t shift) {
  return reshape(roll(flatten(x), {shift}, {0}), x.shape());
}

template <class T> Tensor<T> rot90(const Tensor<T>& x, std::int64_t k, std::int64_t axis_a, std::int64_t axis_b) {
  XGRAD_CHECK(x.rank() >= 2, "rot90: shape ", x.shape(), "; expected 2 axes or more");
  const std::size_t a = x.shape().axis(axis_a, "rot90"), b = x.shape().axis(axis_b, "rot90");
  XGRAD_CHECK(a != b, "rot90: axes ", axis_a, " and ", axis_b, " of shape ", x.shape(),
              " are the same; expected two axes");
  const std::int64_t quarters = (k % 4 + 4) % 4;
  View view(x.shape());
  if (quarters == 1 || quarters == 2) view.flip(b);
  if (quarters == 3 || quarters == 2) view.flip(a);
  if (quarters % 2 == 1) view.swap(a, b);
  return detail::take("rot90", x, view, Reach::once);
}

#define XGRAD_INSTANTIATE(T)                                                                                        \
  template Tensor<T> permute(const Tensor<T>&, const std::vector<std::int64_t>&);                                   \
  template Tensor<T> transpose(const Tensor<T>&, std::int64_t, std::int64_t);                                       \
  template Tensor<T> swapaxes(const Tensor<T>&, std::int64_t, std::int64_t);                                        \
  template Tensor<T> t(const Tensor<T>&);                                                                           \
  template Tensor<T> mT(const Tensor<T>&);                                                                          \
  template Tensor<T> movedim(const Tensor<T>&, const std::vector<std::int64_t>&, const std::vector<std::int64_t>&); \
  template Tensor<T> movedim(const Tensor<T>&, std::int64_t, std::int64_t);                                         \
  template Tensor<T> flip(const Tensor<T>&, const std::vector<std::int64_t>&);                                      \
  template Tensor<T> roll(const Tensor<T>&, const std::vector<std::int64_t>&, const std::vector<std::int64_t>&);    \
  template Tensor<T> roll(const Tensor<T>&, std::int64_t);                                                          \
  template Tensor<T> rot90(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
