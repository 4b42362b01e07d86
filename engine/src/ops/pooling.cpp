// SPDX-License-Identifier: BSD-3-Clause
// Pooling over the windows of planes: their sums, and their largest elements.
#include "xgrad/ops/pooling.hpp"

#include <algorithm>

#include "kernels/kernels.hpp"
#include "ops/plane_windows.hpp"
#include "ops/windows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::AxisWindows;
using detail::Offsets;
using detail::Planes;
using detail::PlaneWindows;

template <class T> Tensor<T> put_at(const Tensor<T>& g, const Offsets& places, std::size_t size, const Shape& shape);

/// Of each plane of `size` elements, those at `places`, which has g's or the result's shape.
template <class T> Tensor<T> take_at(const Tensor<T>& x, const Offsets& places, std::size_t size, std::size_t results) {
  Storage<T> value(places.size());
  for (std::size_t i = 0; i < places.size(); ++i)
    value[i] = x.data()[i / results * size + static_cast<std::size_t>(places.data()[i])];
  return record<T>(
      "take_places", places.shape(), std::move(value), kSaveNothing,
      [places, size](Node<T>& n, const Tensor<T>& h) { n.give(0, put_at(h, places, size, n.input_shape(0))); }, x);
}

template <class T> Tensor<T> put_at(const Tensor<T>& g, const Offsets& places, std::size_t size, const Shape& shape) {
  Storage<T> value(shape.size());
  T* dx = value.data();
  const std::size_t planes = size == 0 ? 0 : shape.size() / size, results = planes == 0 ? 0 : g.size() / planes;
  detail::for_planes(planes, size, [&](std::size_t plane) {
    T* target = dx + plane * size;
    std::fill_n(target, size, T{0});
    for (std::size_t i = plane * results; i < (plane + 1) * results; ++i)
      target[static_cast<std::size_t>(places.data()[i])] += g.data()[i];
  });
  return record<T>(
      "put_places", shape, std::move(value), kSaveNothing,
      [places, size, results](Node<T>& n, const Tensor<T>& h) { n.give(0, take_at(h, places, size, results)); }, g);
}

template <class T> struct Largest {
  Tensor<T> values;
  Offsets places;
};

template <class T>
Largest<T> largest(const char* name, const Tensor<T>& x, const PlaneWindows<T>& windows, const Shape& shape) {
  Storage<T> value(shape.size());
  Offsets places(shape);
  const std::size_t planes = windows.size == 0 ? 0 : x.size() / windows.size;
  T* y = value.data();
  std::int32_t* where = places.data();
  detail::for_planes(planes, windows.cells * windows.results, [&](std::size_t plane) {
    detail::kernels<T>().largest_cells(x.data() + plane * windows.size, windows.offsets.data(), windows.cells,
                                       windows.results, y + plane * windows.results, where + plane * windows.results);
  });
  const auto vjp = [places, size = windows.size](Node<T>& n, const Tensor<T>& g) {
    n.give(0, put_at(g, places, size, n.input_shape(0)));
  };
  return {record<T>(name, shape, std::move(value), kSaveNothing, vjp, x), places};
}

/// Windows that slide by `stride`. weight_of(first, last, inside) is a cell's weight in a window that spans
/// [first, last) of the padded axis and has `inside` cells in x.
template <class T, class Weight>
AxisWindows<T> sliding(const char* name, const Shape& x, std::size_t length, std::int64_t kernel, std::int64_t stride,
                       std::int64_t padding, std::int64_t dilation, bool ceil_mode, Weight weight_of) {
  const auto size = static_cast<std::int64_t>(length);
  XGRAD_CHECK(2 * padding <= kernel, name, ": padding is ", padding, "; expected 0 to half of the kernel, ", kernel);
  if (stride == 0) stride = kernel;
  const std::int64_t span = dilation * (kernel - 1) + 1, room = size + 2 * padding - span;
  XGRAD_CHECK(room >= 0, name, ": x of shape ", x, " is ", size + 2 * padding, " long with its padding, a window ",
              span, "; expected room for at least one");
  std::int64_t results = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (results - 1) * stride >= size + padding) --results;
  AxisWindows<T> windows(length, static_cast<std::size_t>(results), static_cast<std::size_t>(kernel));
  for (std::int64_t i = 0; i < results; ++i) {
    const std::int64_t start = i * stride - padding, end = std::min(start + span, size + padding);
    std::int64_t inside = 0;
    const auto in_x = [&](std::int64_t k) { return start + k * dilation >= 0 && start + k * dilation < size; };
    for (std::int64_t k = 0; k < kernel; ++k) inside += in_x(k);
    XGRAD_CHECK(inside > 0, name, ": with kernel ", kernel, ", padding ", padding, " and dilation ", dilation,
                " a window misses x of shape ", x, "; expected at least one element in each");
    for (std::int64_t k = 0; k < kernel; ++k)
      if (in_x(k))
        windows.set(static_cast<std::size_t>(k), static_cast<std::size_t>(i),
                    static_cast<std::size_t>(start + k * dilation), weight_of(end - start, inside));
  }
  windows.repeat_first();
  return windows;
}

template <class T>
Largest<T> max_pool(const char* name, const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options,
                    std::size_t axes) {
  Planes<T> planes(name, x, axes);
  detail::numbers_for(name, "kernel", kernel, axes, 1);
  detail::numbers_for(name, "stride", options.stride, axes, 0);
  detail::numbers_for(name, "padding", options.padding, axes, 0);
  detail::numbers_for(name, "dilation", options.dilation, axes, 1);
  const PlaneWindows<T> windows = planes.windows([&](std::size_t axis, std::size_t length) {
    return sliding<T>(name, x.shape(), length, kernel[axis], options.stride[axis], options.padding[axis],
                      options.dilation[axis], options.ceil_mode, [](std::int64_t, std::int64_t) { return 1.0; });
  });
  return largest(name, x, windows, planes.shape);
}

template <class T>
Tensor<T> avg_pool(const char* name, const Tensor<T>& x, const PerAxis& kernel, const AvgPoolOptions& options,
                   std::size_t axes) {
  Planes<T> planes(name, x, axes);
  detail::numbers_for(name, "kernel", kernel, axes, 1);
  detail::numbers_for(name, "stride", options.stride, axes, 0);
  detail::numbers_for(name, "padding", options.padding, axes, 0);
  XGRAD_CHECK(options.divisor >= 0, name, ": divisor is ", options.divisor,
              "; expected > 0, or 0 for the window's size");
  const PlaneWindows<T> windows = planes.windows(
      [&](std::size_t axis, std::size_t length) {
        return sliding<T>(name, x.shape(), length, kernel[axis], options.stride[axis], options.padding[axis], 1,
                          options.ceil_mode, [&](std::int64_t span, std::int64_t inside) {
                            if (options.divisor > 0) return 1.0;
                            return 1 / static_cast<double>(options.count_include_pad ? span : inside);
                          });
      },
      options.divisor > 0 ? 1 / options.divisor : 1);
  return detail::weigh(name, x, windows, planes.shape);
}

template <class T>
Tensor<T> lp_pool(const char* name, const Tensor<T>& x, double p, const PerAxis& kernel, const LpPoolOptions& options,
                  std::size_t axes) {
  XGRAD_CHECK(p > 0, name, ": p is ", p, "; expected > 0");
  const Tensor<T> powers = p == 1 ? abs(x) : p == 2 ? square(x) : pow(abs(x), p);
  const Tensor<T> sums =
      avg_pool(name, powers, kernel, {.stride = options.stride, .ceil_mode = options.ceil_mode, .divisor = 1}, axes);
  if (p == 1) return sums;
  return where(sums == 0, 0, pow(where(sums == 0, 1, sums), 1 / p));  // a safe argument: the root's slope at 0 is inf
}

/// Windows [floor(i L / size), ceil((i + 1) L / size)) of each axis, each cell of equal weight.
template <class T> PlaneWindows<T> adaptive_windows(const char* name, Planes<T>& planes, const PerAxis& size) {
  const auto sizes = detail::numbers_for(name, "size", size, planes.axes, 1);
  return planes.windows([&](std::size_t axis, std::size_t length) {
    const std::size_t results = sizes[axis];
    const auto first = [&](std::size_t i) { return i * length / results; };
    const auto last = [&](std::size_t i) { return ((i + 1) * length + results - 1) / results; };
    std::size_t cells = 0;
    for (std::size_t i = 0; i < results; ++i) cells = std::max(cells, last(i) - first(i));
    AxisWindows<T> windows(length, results, cells);
    for (std::size_t i = 0; i < results; ++i)
      for (std::size_t k = first(i); k < last(i); ++k)
        windows.set(k - first(i), i, k, 1 / static_cast<double>(last(i) - first(i)));
    windows.repeat_first();
    return windows;
  });
}

template <class T>
Tensor<T> adaptive_avg_pool(const char* name, const Tensor<T>& x, const PerAxis& size, std::size_t axes) {
  Planes<T> planes(name, x, axes);
  const PlaneWindows<T> windows = adaptive_windows(name, planes, size);
  return detail::weigh(name, x, windows, planes.shape);
}

template <class T>
Tensor<T> adaptive_max_pool(const char* name, const Tensor<T>& x, const PerAxis& size, std::size_t axes) {
  Planes<T> planes(name, x, axes);
  const PlaneWindows<T> windows = adaptive_windows(name, planes, size);
  return largest(name, x, windows, planes.shape).values;
}

template <class T> ValuesAndIndices<T> with_indices(const Largest<T>& result) {
  Indices indices(result.places.shape());
  std::copy_n(result.places.data(), result.places.size(), indices.data());
  return {result.values, indices};
}

}  // namespace

template <class T> Tensor<T> max_pool1d(const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options) {
  return max_pool("max_pool1d", x, kernel, options, 1).values;
}
template <class T> Tensor<T> max_pool2d(const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options) {
  return max_pool("max_pool2d", x, kernel, options, 2).values;
}
template <class T>
ValuesAndIndices<T> max_pool1d_with_indices(const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options) {
  return with_indices(max_pool("max_pool1d", x, kernel, options, 1));
}
template <class T>
ValuesAndIndices<T> max_pool2d_with_indices(const Tensor<T>& x, const PerAxis& kernel, const MaxPoolOptions& options) {
  return with_indices(max_pool("max_pool2d", x, kernel, options, 2));
}

template <class T> Tensor<T> avg_pool1d(const Tensor<T>& x, const PerAxis& kernel, const AvgPoolOptions& options) {
  return avg_pool("avg_pool1d", x, kernel, options, 1);
}
template <class T> Tensor<T> avg_pool2d(const Tensor<T>& x, const PerAxis& kernel, const AvgPoolOptions& options) {
  return avg_pool("avg_pool2d", x, kernel, options, 2);
}
template <class T>
Tensor<T> lp_pool1d(const Tensor<T>& x, double p, const PerAxis& kernel, const LpPoolOptions& options) {
  return lp_pool("lp_pool1d", x, p, kernel, options, 1);
}
template <class T>
Tensor<T> lp_pool2d(const Tensor<T>& x, double p, const PerAxis& kernel, const LpPoolOptions& options) {
  return lp_pool("lp_pool2d", x, p, kernel, options, 2);
}

template <class T> Tensor<T> adaptive_avg_pool1d(const Tensor<T>& x, const PerAxis& size) {
  return adaptive_avg_pool("adaptive_avg_pool1d", x, size, 1);
}
template <class T> Tensor<T> adaptive_avg_pool2d(const Tensor<T>& x, const PerAxis& size) {
  return adaptive_avg_pool("adaptive_avg_pool2d", x, size, 2);
}
template <class T> Tensor<T> adaptive_max_pool1d(const Tensor<T>& x, const PerAxis& size) {
  return adaptive_max_pool("adaptive_max_pool1d", x, size, 1);
}
template <class T> Tensor<T> adaptive_max_pool2d(const Tensor<T>& x, const PerAxis& size) {
  return adaptive_max_pool("adaptive_max_pool2d", x, size, 2);
}

template <class T> Tensor<T> global_avg_pool(const Tensor<T>& x) {
  XGRAD_CHECK(x.rank() >= 3, "global_avg_pool: x has shape ", x.shape(), "; expected (N, C, spatial...)");
  Shape shape = x.shape();
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) shape[axis] = 1;
  return reshape(mean(flatten(x, 2), -1), shape);
}

#define XGRAD_INSTANTIATE(T)                                                                                     \
  template Tensor<T> max_pool1d(const Tensor<T>&, const PerAxis&, const MaxPoolOptions&);                        \
  template Tensor<T> max_pool2d(const Tensor<T>&, const PerAxis&, const MaxPoolOptions&);                        \
  template ValuesAndIndices<T> max_pool1d_with_indices(const Tensor<T>&, const PerAxis&, const MaxPoolOptions&); \
  template ValuesAndIndices<T> max_pool2d_with_indices(const Tensor<T>&, const PerAxis&, const MaxPoolOptions&); \
  template Tensor<T> avg_pool1d(const Tensor<T>&, const PerAxis&, const AvgPoolOptions&);                        \
  template Tensor<T> avg_pool2d(const Tensor<T>&, const PerAxis&, const AvgPoolOptions&);                        \
  template Tensor<T> lp_pool1d(const Tensor<T>&, double, const PerAxis&, const LpPoolOptions&);                  \
  template Tensor<T> lp_pool2d(const Tensor<T>&, double, const PerAxis&, const LpPoolOptions&);                  \
  template Tensor<T> adaptive_avg_pool1d(const Tensor<T>&, const PerAxis&);                                      \
  template Tensor<T> adaptive_avg_pool2d(const Tensor<T>&, const PerAxis&);                                      \
  template Tensor<T> adaptive_max_pool1d(const Tensor<T>&, const PerAxis&);                                      \
  template Tensor<T> adaptive_max_pool2d(const Tensor<T>&, const PerAxis&);                                      \
  template Tensor<T> global_avg_pool(const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
