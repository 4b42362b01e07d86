// SPDX-License-Identifier: BSD-3-Clause
// Arrays put together: joints, borders, repetition.
#include <algorithm>

#include "ops/movement.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Movement;
using detail::Reach;
using detail::Segment;
using detail::View;

/// Segments that bring every axis but one over as it is.
std::vector<std::vector<Segment>> along(const Shape& shape, std::size_t axis, std::vector<Segment> segments) {
  std::vector<std::vector<Segment>> all;
  for (std::size_t i = 0; i < shape.rank(); ++i) all.push_back({{0, 0, shape[i]}});
  all[axis] = std::move(segments);
  return all;
}

/// Repeated along the axis: all of it at once, or each of its places by itself.
template <class T> Tensor<T> repeat_axis(const Tensor<T>& x, std::size_t axis, std::int64_t repeats, bool whole) {
  const Shape& shape = x.shape();
  const auto product = [&shape](std::size_t first, std::size_t last) {
    return static_cast<std::int64_t>(Shape(shape.sizes().subspan(first, last - first)).size());
  };
  const std::int64_t outer = product(0, whole ? axis : axis + 1),
                     inner = product(whole ? axis : axis + 1, shape.rank());
  Shape result = shape;
  result[axis] *= repeats;
  return reshape(expand(reshape(x, Shape{outer, 1, inner}), Shape{outer, repeats, inner}), result);
}

/// What one axis of size n gets in front, in the middle and behind.
std::vector<Segment> padded(const Shape& shape, std::size_t axis, const Padding& width, PadMode mode) {
  const std::int64_t n = shape[axis], before = width.before, after = width.after;
  const std::int64_t widest = std::max(before, after);
  const auto check = [&](bool fits, const char* expected) {
    XGRAD_CHECK(fits, "pad: widths ", before, " and ", after, " around axis ", axis, " of shape ", shape, "; ",
                expected);
  };
  if (mode == PadMode::constant) {
    const std::int64_t cut = std::max<std::int64_t>(-before, 0);
    check(n + before + after >= 0, "negative widths cut more than there is");
    return {{cut, std::max<std::int64_t>(before, 0),
             std::max<std::int64_t>(n - cut - std::max<std::int64_t>(-after, 0), 0)}};
  }
  check(before >= 0 && after >= 0, "only PadMode::constant takes negative ones, which cut");
  const Segment middle{0, before, n};
  switch (mode) {
    case PadMode::reflect:
      check(widest == 0 || widest < n, "PadMode::reflect expects less than the axis' size");
      return {{before, 0, before, -1}, middle, {n - 2, before + n, after, -1}};
    case PadMode::replicate:
      check(widest == 0 || n > 0, "PadMode::replicate expects an element to repeat");
      return {{0, 0, before, 0}, middle, {n - 1, before + n, after, 0}};
    default:
      check(widest <= n, "PadMode::circular expects at most the axis' size");
      return {{n - before, 0, before}, middle, {0, before + n, after}};
  }
}

/// Each part fills its places of `axis` of the result: as many as it has along that axis, or one if the axis is new.
template <class T>
Tensor<T> join(const char* name, std::span<const Tensor<T>> parts, Shape shape, std::size_t axis, bool is_new) {
  const auto places = [axis, is_new](const Shape& part) { return is_new ? 1 : part[axis]; };
  // From the window of the result that a part fills.
  const auto movement = [axis](const Shape& whole, std::int64_t start, std::int64_t count) {
    View view(whole);
    view.narrow(axis, start, count);
    return Movement{Storage<detail::Box>(1, view.box()), Reach::at_most_once, Reach::once};
  };
  Storage<Node<T>*> inputs(parts.size());
  shape[axis] = 0;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    inputs[k] = parts[k].node();
    shape[axis] += places(parts[k].shape());
  }
  Storage<T> value(shape.size());
  std::int64_t start = 0;
  for (const Tensor<T>& part : parts) {
    const std::int64_t count = places(part.shape());
    detail::copy_box(movement(shape, start, count).reversed().boxes[0], part.data(), value.data());
    start += count;
  }
  return record<T>(
      name, shape, std::move(value), kSaveNothing,
      [places, movement](Node<T>& n, const Tensor<T>& g) {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < n.input_count; ++k) {
          const Shape& part = n.input_shape(k);
          const std::int64_t count = places(part);
          if (n.wants(k)) {
            if (T* gradient = n.accumulate_into(k))
              detail::add_rearranged(movement(g.shape(), at, count), g.data(), gradient);
            else
              n.give(k, detail::rearrange(n.name, g, part, movement(g.shape(), at, count)));
          }
          at += count;
        }
      },
      std::span<Node<T>* const>(inputs.data(), inputs.size()));
}

}  // namespace

template <class T> Tensor<T> concat(std::span<const Tensor<T>> parts, std::int64_t axis) {
  XGRAD_CHECK(!parts.empty(), "concat: the list is empty; expected at least one tensor");
  const Shape& first = parts[0].shape();
  XGRAD_CHECK(first.rank() > 0, "concat: scalars have no axis to join along; use stack");
  const std::size_t place = first.axis(axis, "concat");
  for (const Tensor<T>& part : parts) {
    Shape expected = first;
    if (part.rank() == first.rank()) expected[place] = part.shape()[place];
    XGRAD_CHECK(part.shape() == expected, "concat: shapes ", first, " and ", part.shape(),
                " differ in an axis other than ", axis, "; all other sizes must be equal");
  }
  return join("concat", parts, first, place, false);
}
template <class T> Tensor<T> concat(std::initializer_list<Tensor<T>> parts, std::int64_t axis) {
  return concat(std::span<const Tensor<T>>(parts.begin(), parts.size()), axis);
}
template <class T> Tensor<T> concat(const std::vector<Tensor<T>>& parts, std::int64_t axis) {
  return concat(std::span<const Tensor<T>>(parts), axis);
}

template <class T> Tensor<T> stack(std::span<const Tensor<T>> parts, std::int64_t axis) {
  XGRAD_CHECK(!parts.empty(), "stack: the list is empty; expected at least one tensor");
  const Shape& first = parts[0].shape();
  for (const Tensor<T>& part : parts)
    XGRAD_CHECK(part.shape() == first, "stack: shapes ", first, " and ", part.shape(),
                " differ; expected equal shapes");
  const Shape raised = first.inserted(first.rank(), 1);
  const std::size_t place = raised.axis(axis, "stack");
  return join("stack", parts, first.inserted(place, 1), place, true);
}
template <class T> Tensor<T> stack(std::initializer_list<Tensor<T>> parts, std::int64_t axis) {
  return stack(std::span<const Tensor<T>>(parts.begin(), parts.size()), axis);
}
template <class T> Tensor<T> stack(const std::vector<Tensor<T>>& parts, std::int64_t axis) {
  return stack(std::span<const Tensor<T>>(parts), axis);
}

template <class T> Tensor<T> pad(const Tensor<T>& x, const std::vector<Padding>& widths, PadMode mode, double value) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(widths.size() <= shape.rank(), "pad: ", widths.size(), " pairs of widths for shape ", shape,
              "; expected one for each of the leading axes, ", shape.rank(), " or less");
  Shape result = shape;
  std::vector<std::vector<Segment>> segments;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const Padding width = axis < widths.size() ? widths[axis] : Padding{0, 0};
    segments.push_back(padded(shape, axis, width, mode));
    result[axis] += width.before + width.after;
  }
  const bool constant = mode == PadMode::constant;
  return detail::rearrange("pad", x, result,
                           {detail::combine(shape, result, segments), constant ? Reach::at_most_once : Reach::many,
                            constant ? Reach::at_most_once : Reach::once},
                           static_cast<T>(value));
}

template <class T> Tensor<T> repeat(const Tensor<T>& x, const std::vector<std::int64_t>& repeats) {
  XGRAD_CHECK(repeats.size() >= x.rank(), "repeat: ", repeats.size(), " repeats for shape ", x.shape(), "; expected ",
              x.rank(), " or more");
  Shape shape = x.shape();
  while (shape.rank() < repeats.size()) shape = shape.inserted(0, 1);
  Tensor<T> result = reshape(x, shape);
  for (std::size_t axis = repeats.size(); axis-- > 0;) {
    XGRAD_CHECK(repeats[axis] >= 0, "repeat: ", repeats[axis], " times along axis ", axis, "; expected >= 0");
    if (repeats[axis] != 1) result = repeat_axis(result, axis, repeats[axis], true);
  }
  return result;
}

template <class T> Tensor<T> tile(const Tensor<T>& x, const std::vector<std::int64_t>& repeats) {
  std::vector<std::int64_t> all(std::max(x.rank(), repeats.size()) - repeats.size(), 1);
  all.insert(all.end(), repeats.begin(), repeats.end());
  return repeat(x, all);
}

template <class T> Tensor<T> repeat_interleave(const Tensor<T>& x, std::int64_t repeats, std::int64_t axis) {
  XGRAD_CHECK(repeats >= 0, "repeat_interleave: ", repeats, " times; expected >= 0");
  XGRAD_CHECK(x.rank() > 0, "repeat_interleave: a scalar has no axis; call it without one");
  return repeat_axis(x, x.shape().axis(axis, "repeat_interleave"), repeats, false);
}

template <class T> Tensor<T> repeat_interleave(const Tensor<T>& x, std::int64_t repeats) {
  return repeat_interleave(flatten(x), repeats, 0);
}

template <class T> Tensor<T> repeat_interleave(const Tensor<T>& x, const Indices& repeats, std::int64_t axis) {
  XGRAD_CHECK(x.rank() > 0, "repeat_interleave: a scalar has no axis; reshape it to (1,)");
  const std::size_t place = x.shape().axis(axis, "repeat_interleave");
  XGRAD_CHECK(repeats.shape() == Shape{x.shape()[place]}, "repeat_interleave: repeats of shape ", repeats.shape(),
              " for axis ", axis, " of shape ", x.shape(), "; expected one for each of its ", x.shape()[place],
              " places");
  std::vector<Segment> segments;
  Shape result = x.shape();
  result[place] = 0;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    const std::int64_t count = repeats.data()[i];
    XGRAD_CHECK(count >= 0, "repeat_interleave: ", count, " times at position ", i, "; expected >= 0");
    segments.push_back({static_cast<std::int64_t>(i), result[place], count, 0});
    result[place] += count;
  }
  return detail::rearrange(
      "repeat_interleave", x, result,
      {detail::combine(x.shape(), result, along(x.shape(), place, std::move(segments))), Reach::many, Reach::once});
}

#define XGRAD_INSTANTIATE(T)                                                              \
  template Tensor<T> concat(std::span<const Tensor<T>>, std::int64_t);                    \
  template Tensor<T> concat(std::initializer_list<Tensor<T>>, std::int64_t);              \
  template Tensor<T> concat(const std::vector<Tensor<T>>&, std::int64_t);                 \
  template Tensor<T> stack(std::span<const Tensor<T>>, std::int64_t);                     \
  template Tensor<T> stack(std::initializer_list<Tensor<T>>, std::int64_t);               \
  template Tensor<T> stack(const std::vector<Tensor<T>>&, std::int64_t);                  \
  template Tensor<T> pad(const Tensor<T>&, const std::vector<Padding>&, PadMode, double); \
  template Tensor<T> repeat(const Tensor<T>&, const std::vector<std::int64_t>&);          \
  template Tensor<T> tile(const Tensor<T>&, const std::vector<std::int64_t>&);            \
  template Tensor<T> repeat_interleave(const Tensor<T>&, std::int64_t, std::int64_t);     \
  template Tensor<T> repeat_interleave(const Tensor<T>&, std::int64_t);                   \
  template Tensor<T> repeat_interleave(const Tensor<T>&, const Indices&, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
