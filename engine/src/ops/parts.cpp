// SPDX-License-Identifier: BSD-3-Clause
// Parts of an array: slices, windows, diagonals, triangles.
#include <algorithm>
#include <cstring>

#include "ops/movement.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Reach;
using detail::View;

/// Narrows the axis to the range, by Python's rules.
void apply_range(View& view, std::size_t axis, const Range& range) {
  XGRAD_CHECK(range.step >= 1, "slice: step ", range.step, "; expected >= 1 (use flip for a reversed axis)");
  const std::int64_t size = view.shape[axis];
  const auto clip = [size](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const std::int64_t first = clip(range.start), last = std::max(clip(range.stop), first);
  view.narrow(axis, first, (last - first + range.step - 1) / range.step, range.step);
}

template <class T>
Tensor<T> take_narrow(const char* name, const Tensor<T>& x, std::size_t axis, std::int64_t start, std::int64_t count) {
  View view(x.shape());
  view.narrow(axis, start, count);
  return detail::take(name, x, view, Reach::at_most_once);
}

std::size_t axis_of(const Shape& shape, std::int64_t axis, const char* name) {
  XGRAD_CHECK(shape.rank() > 0, name, ": a scalar has no axis to take parts of");
  return shape.axis(axis, name);
}

/// The window of the diagonal of two different axes.
View diagonal_of(const char* name, const Shape& shape, std::int64_t offset, std::int64_t axis_a, std::int64_t axis_b) {
  const std::size_t a = shape.axis(axis_a, name), b = shape.axis(axis_b, name);
  XGRAD_CHECK(a != b, name, ": axes ", axis_a, " and ", axis_b, " of shape ", shape,
              " are the same; expected two axes");
  View view(shape);
  view.diagonal(a, b, offset);
  return view;
}

/// x on one side of diagonal k, else 0; a projection, so its gradient is itself.
template <class T> Tensor<T> triangle(const char* name, const Tensor<T>& x, std::int64_t k, bool lower) {
  const Shape& shape = x.shape();
  XGRAD_CHECK(shape.rank() >= 2, name, ": shape ", shape, "; expected matrices in the last two axes");
  const std::int64_t rows = shape[shape.rank() - 2], cols = shape.back();
  Storage<T> value(x.size());
  const std::size_t all_rows = x.size() / static_cast<std::size_t>(std::max<std::int64_t>(cols, 1));
  detail::for_rows(all_rows, static_cast<std::size_t>(cols), [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      const std::int64_t i = static_cast<std::int64_t>(r) % rows;
      const std::int64_t cut = std::clamp<std::int64_t>(i + k + (lower ? 1 : 0), 0, cols);  // columns before it: lower
      const T* from = x.data() + r * static_cast<std::size_t>(cols);
      T* to = value.data() + r * static_cast<std::size_t>(cols);
      std::copy(lower ? from : from + cut, lower ? from + cut : from + cols, lower ? to : to + cut);
      std::fill(lower ? to + cut : to, lower ? to + cols : to + cut, T{0});
    }
  });
  return record<T>(
      name, shape, std::move(value), kSaveNothing,
      [k, lower](Node<T>& n, const Tensor<T>& g) { n.give(0, triangle(n.name, g, k, lower)); }, x);
}

}  // namespace

template <class T>
Tensor<T> slice(const Tensor<T>& x, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  View view(x.shape());
  apply_range(view, axis_of(x.shape(), axis, "slice"), {start, stop, step});
  return detail::take("slice", x, view, Reach::at_most_once);
}

template <class T> Tensor<T> slice(const Tensor<T>& x, const std::vector<Range>& ranges) {
  XGRAD_CHECK(ranges.size() <= x.rank(), "slice: ", ranges.size(), " ranges for shape ", x.shape(), "; expected ",
              x.rank(), " or less");
  View view(x.shape());
  for (std::size_t axis = 0; axis < ranges.size(); ++axis) apply_range(view, axis, ranges[axis]);
  return detail::take("slice", x, view, Reach::at_most_once);
}

template <class T> Tensor<T> select(const Tensor<T>& x, std::int64_t axis, std::int64_t index) {
  const std::size_t place = axis_of(x.shape(), axis, "select");
  const std::int64_t size = x.shape()[place];
  XGRAD_CHECK(index >= -size && index < size, "select: index ", index, " on axis ", axis, " of shape ", x.shape(),
              "; expected ", -size, " to ", size - 1);
  View view(x.shape());
  view.narrow(place, index < 0 ? index + size : index, 1);
  view.drop(place);
  return detail::take("select", x, view, Reach::at_most_once);
}

template <class T> Tensor<T> narrow(const Tensor<T>& x, std::int64_t axis, std::int64_t start, std::int64_t length) {
  const std::size_t place = axis_of(x.shape(), axis, "narrow");
  const std::int64_t size = x.shape()[place], first = start < 0 ? start + size : start;
  XGRAD_CHECK(length >= 0 && first >= 0 && first <= size && length <= size - first, "narrow: ", length, " places from ",
              start, " on along axis ", axis, " of shape ", x.shape(), "; the axis has ", size);
  return take_narrow("narrow", x, place, first, length);
}

template <class T>
std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<std::int64_t>& sizes, std::int64_t axis) {
  const std::size_t place = axis_of(x.shape(), axis, "split");
  const std::int64_t size = x.shape()[place];
  std::int64_t start = 0;
  std::vector<Tensor<T>> parts;
  for (const std::int64_t count : sizes) {
    XGRAD_CHECK(count >= 0, "split: a part of ", count, " places; expected >= 0");
    XGRAD_CHECK(count <= size - start, "split: the parts have more places than axis ", axis, " of shape ", x.shape(),
                "; expected a sum of ", size);
    parts.push_back(take_narrow("split", x, place, start, count));
    start += count;
  }
  XGRAD_CHECK(start == size, "split: the parts have ", start, " places, axis ", axis, " of shape ", x.shape(), " has ",
              size, "; expected as many");
  return parts;
}

template <class T> std::vector<Tensor<T>> split(const Tensor<T>& x, std::int64_t size, std::int64_t axis) {
  XGRAD_CHECK(size >= 1, "split: parts of ", size, " places; expected >= 1");
  const std::int64_t all = x.shape()[axis_of(x.shape(), axis, "split")];
  std::vector<std::int64_t> sizes;
  for (std::int64_t start = 0; start < all; start += size) sizes.push_back(std::min(size, all - start));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, sizes, axis);
}

template <class T> std::vector<Tensor<T>> chunk(const Tensor<T>& x, std::int64_t n, std::int64_t axis) {
  XGRAD_CHECK(n >= 1, "chunk: ", n, " parts; expected >= 1");
  const std::int64_t all = x.shape()[axis_of(x.shape(), axis, "chunk")];
  return split(x, std::max<std::int64_t>((all + n - 1) / n, 1), axis);
}

template <class T> std::vector<Tensor<T>> unbind(const Tensor<T>& x, std::int64_t axis) {
  const std::int64_t size = x.shape()[axis_of(x.shape(), axis, "unbind")];
  std::vector<Tensor<T>> parts;
  for (std::int64_t i = 0; i < size; ++i) parts.push_back(select(x, axis, i));
  return parts;
}

template <class T> Tensor<T> unfold(const Tensor<T>& x, std::int64_t axis, std::int64_t size, std::int64_t step) {
  const std::size_t place = axis_of(x.shape(), axis, "unfold");
  const std::int64_t all = x.shape()[place];
  XGRAD_CHECK(step >= 1, "unfold: step ", step, "; expected >= 1");
  XGRAD_CHECK(size >= 0 && size <= all, "unfold: windows of ", size, " places on axis ", axis, " of shape ", x.shape(),
              "; expected 0 to ", all);
  View view(x.shape());
  const std::int64_t stride = view.strides[place];
  view.narrow(place, 0, (all - size) / step + 1, step);
  view.append(size, stride);
  return detail::take("unfold", x, view, step >= size ? Reach::at_most_once : Reach::many);
}

template <class T>
Tensor<T> diagonal(const Tensor<T>& x, std::int64_t offset, std::int64_t axis_a, std::int64_t axis_b) {
  XGRAD_CHECK(x.rank() >= 2, "diagonal: shape ", x.shape(), "; expected 2 axes or more");
  return detail::take("diagonal", x, diagonal_of("diagonal", x.shape(), offset, axis_a, axis_b), Reach::at_most_once);
}

template <class T> Tensor<T> diag(const Tensor<T>& x, std::int64_t offset) {
  XGRAD_CHECK(x.rank() == 1 || x.rank() == 2, "diag: shape ", x.shape(), "; expected a vector or a matrix");
  return x.rank() == 1 ? diag_embed(x, offset) : diagonal(x, offset);
}

template <class T>
Tensor<T> diag_embed(const Tensor<T>& x, std::int64_t offset, std::int64_t axis_a, std::int64_t axis_b) {
  XGRAD_CHECK(x.rank() >= 1, "diag_embed: a scalar has no axis to put on a diagonal");
  const std::int64_t size = x.shape().back() + (offset < 0 ? -offset : offset);
  Shape shape = x.shape().inserted(x.rank(), 1);
  const std::size_t a = shape.axis(axis_a, "diag_embed"), b = shape.axis(axis_b, "diag_embed");
  Shape leading(x.shape().sizes().first(x.rank() - 1));
  shape = a == b ? shape : leading.inserted(std::min(a, b), size).inserted(std::max(a, b), size);
  return detail::put("diag_embed", x, shape, diagonal_of("diag_embed", shape, offset, axis_a, axis_b));
}

template <class T> Tensor<T> tril(const Tensor<T>& x, std::int64_t k) { return triangle("tril", x, k, true); }
template <class T> Tensor<T> triu(const Tensor<T>& x, std::int64_t k) { return triangle("triu", x, k, false); }

#define XGRAD_INSTANTIATE(T)                                                                               \
  template Tensor<T> slice(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t, std::int64_t);      \
  template Tensor<T> slice(const Tensor<T>&, const std::vector<Range>&);                                   \
  template Tensor<T> select(const Tensor<T>&, std::int64_t, std::int64_t);                                 \
  template Tensor<T> narrow(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t);                   \
  template std::vector<Tensor<T>> split(const Tensor<T>&, const std::vector<std::int64_t>&, std::int64_t); \
  template std::vector<Tensor<T>> split(const Tensor<T>&, std::int64_t, std::int64_t);                     \
  template std::vector<Tensor<T>> chunk(const Tensor<T>&, std::int64_t, std::int64_t);                     \
  template std::vector<Tensor<T>> unbind(const Tensor<T>&, std::int64_t);                                  \
  template Tensor<T> unfold(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t);                   \
  template Tensor<T> diagonal(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t);                 \
  template Tensor<T> diag(const Tensor<T>&, std::int64_t);                                                 \
  template Tensor<T> diag_embed(const Tensor<T>&, std::int64_t, std::int64_t, std::int64_t);               \
  template Tensor<T> tril(const Tensor<T>&, std::int64_t);                                                 \
  template Tensor<T> triu(const Tensor<T>&, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
