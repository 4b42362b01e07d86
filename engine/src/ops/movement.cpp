// SPDX-License-Identifier: BSD-3-Clause
#include "ops/movement.hpp"

#include <algorithm>

namespace xgrad::detail {

static_assert(Box::kMaxRank == Shape::kMaxRank);

Box::Numbers dense_strides(const Shape& shape) {
  Box::Numbers strides{};
  std::int64_t product = 1;
  for (std::size_t i = shape.rank(); i-- > 0; product *= shape[i]) strides[i] = product;
  return strides;
}

Movement Movement::reversed() const {
  Movement result{boxes, to, from};
  for (Box& box : result.boxes) {
    std::swap(box.from, box.to);
    std::swap(box.from_stride, box.to_stride);
  }
  return result;
}

template <class T> void add_rearranged(const Movement& movement, const T* x, T* y) {
  for (const Box& box : movement.boxes) add_box(box, x, y, movement.to == Reach::many);
}

template <class T>
Tensor<T> rearrange(const char* name, const Tensor<T>& x, const Shape& shape, Movement movement, T fill) {
  Storage<T> value = movement.to == Reach::once ? Storage<T>(shape.size()) : Storage<T>(shape.size(), fill);
  if (movement.to == Reach::many)
    add_rearranged(movement, x.data(), value.data());
  else
    for (const Box& box : movement.boxes) copy_box(box, x.data(), value.data());
  return record<T>(
      name, shape, std::move(value), kSaveNothing,
      [movement = std::move(movement)](Node<T>& n, const Tensor<T>& g) {
        Movement back = movement.reversed();
        if (T* place = n.accumulate_into(0))
          add_rearranged(back, g.data(), place);
        else
          n.give(0, rearrange(n.name, g, n.input_shape(0), std::move(back)));
      },
      x);
}

void View::narrow(std::size_t axis, std::int64_t start, std::int64_t count, std::int64_t step) {
  offset += start * strides[axis];
  strides[axis] *= step;
  shape[axis] = count;
}

void View::flip(std::size_t axis) {
  offset += std::max<std::int64_t>(shape[axis] - 1, 0) * strides[axis];
  strides[axis] = -strides[axis];
}

void View::swap(std::size_t a, std::size_t b) {
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
}

void View::drop(std::size_t axis) {
  std::copy(strides.begin() + axis + 1, strides.begin() + shape.rank(), strides.begin() + axis);
  shape = shape.erased(axis);
}

void View::append(std::int64_t size, std::int64_t stride) {
  shape.push_back(size);
  strides[shape.rank() - 1] = stride;
}

void View::diagonal(std::size_t a, std::size_t b, std::int64_t start) {
  const std::int64_t along_a = std::max<std::int64_t>(-start, 0), along_b = std::max<std::int64_t>(start, 0);
  const std::int64_t count = std::max<std::int64_t>(std::min(shape[a] - along_a, shape[b] - along_b), 0);
  if (count > 0) offset += along_a * strides[a] + along_b * strides[b];
  const std::int64_t stride = strides[a] + strides[b];
  drop(std::max(a, b));
  drop(std::min(a, b));
  append(count, stride);
}

Box View::box() const {
  Box result{.rank = shape.rank(), .from = offset, .from_stride = strides, .to_stride = dense_strides(shape)};
  std::copy(shape.begin(), shape.end(), result.size.begin());
  return result;
}

template <class T> Tensor<T> take(const char* name, const Tensor<T>& x, const View& view, Reach reach) {
  return rearrange(name, x, view.shape, {Storage<Box>(1, view.box()), reach, Reach::once});
}

template <class T> Tensor<T> put(const char* name, const Tensor<T>& x, const Shape& shape, const View& view) {
  return rearrange(name, x, shape, Movement{Storage<Box>(1, view.box()), Reach::at_most_once, Reach::once}.reversed());
}

Storage<Box> combine(const Shape& from, const Shape& to, const std::vector<std::vector<Segment>>& axes) {
  std::size_t count = 1;
  for (const auto& segments : axes) count *= segments.size();
  const Box::Numbers from_strides = dense_strides(from), to_strides = dense_strides(to);
  Storage<Box> boxes(count);
  for (std::size_t i = 0; i < count; ++i) {
    Box box{.rank = axes.size()};
    std::size_t rest = i;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      const Segment& segment = axes[axis][rest % axes[axis].size()];
      rest /= axes[axis].size();
      box.from += segment.from * from_strides[axis];
      box.to += segment.to * to_strides[axis];
      box.size[axis] = segment.count;
      box.from_stride[axis] = segment.step * from_strides[axis];
      box.to_stride[axis] = to_strides[axis];
    }
    boxes[i] = box;
  }
  return boxes;
}

#define XGRAD_INSTANTIATE(T)                                                              \
  template Tensor<T> rearrange(const char*, const Tensor<T>&, const Shape&, Movement, T); \
  template void add_rearranged(const Movement&, const T*, T*);                            \
  template Tensor<T> take(const char*, const Tensor<T>&, const View&, Reach);             \
  template Tensor<T> put(const char*, const Tensor<T>&, const Shape&, const View&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
