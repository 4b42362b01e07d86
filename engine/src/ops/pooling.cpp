// SPDX-License-Identifier: BSD-3-Clause
// Every operation here reads, for each result, the cells of one window of a plane. The windows are a product of what
// happens along each axis, so they are written down once for all planes, and one kernel serves all settings.
#include "xgrad/ops/pooling.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "ops/windows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using Offsets = Data<std::int32_t>;

/// Along one axis: result i is made of the elements index[k * results + i] with their weights, for each cell k.
/// A cell of weight 0 repeats the window's first element: it changes neither a sum nor the first largest element.
template <class T> struct AxisWindows {
  std::size_t size, results, cells;
  Storage<std::int32_t> index;
  Storage<T> weight;

  AxisWindows(std::size_t size_, std::size_t results_, std::size_t cells_)
      : size(size_), results(results_), cells(cells_), index(cells * results, 0), weight(cells * results, T{0}) {}

  void set(std::size_t cell, std::size_t result, std::size_t element, double value) {
    index[cell * results + result] = static_cast<std::int32_t>(element);
    weight[cell * results + result] = static_cast<T>(value);
  }
  void repeat_first() {
    for (std::size_t i = 0; i < results; ++i) {
      std::size_t first = 0;
      while (first < cells && weight[first * results + i] == 0) ++first;
      for (std::size_t k = 0; k < cells; ++k)
        if (weight[k * results + i] == 0) index[k * results + i] = index[first * results + i];
    }
  }
};

/// The windows of a plane and their weights.
template <class T> struct PlaneWindows {
  std::size_t size, results, cells;
  Offsets offsets;
  Data<T> weights;

  PlaneWindows(const AxisWindows<T>& rows, const AxisWindows<T>& cols, double scale)
      : size(rows.size * cols.size), results(rows.results * cols.results), cells(rows.cells * cols.cells),
        offsets(table_shape(cells, results)), weights(table_shape(cells, results)) {
    std::size_t at = 0;
    for (std::size_t u = 0; u < rows.cells; ++u)
      for (std::size_t v = 0; v < cols.cells; ++v)
        for (std::size_t i = 0; i < rows.results; ++i)
          for (std::size_t j = 0; j < cols.results; ++j, ++at) {
            const std::size_t r = u * rows.results + i, c = v * cols.results + j;
            offsets.data()[at] = rows.index[r] * static_cast<std::int32_t>(cols.size) + cols.index[c];
            weights.data()[at] = static_cast<T>(scale) * rows.weight[r] * cols.weight[c];
          }
  }
  static Shape table_shape(std::size_t cells, std::size_t results) {
    return {static_cast<std::int64_t>(cells), static_cast<std::int64_t>(results)};
  }
};

template <class T> Tensor<T> spread(const Tensor<T>& g, const PlaneWindows<T>& windows, const Shape& shape);

/// Runs body(plane) for all planes of an array, several at once where it pays.
template <class Body> void for_planes(std::size_t planes, std::size_t work, const Body& body) {
  detail::for_rows(planes, work, [&](std::size_t first, std::size_t count) {
    for (std::size_t plane = first; plane < first + count; ++plane) body(plane);
  });
}

/// The weighted sums of the windows of each plane; `shape` is the result's.
template <class T>
Tensor<T> weigh(const char* name, const Tensor<T>& x, const PlaneWindows<T>& windows, const Shape& shape) {
  Storage<T> value(shape.size());
  T* y = value.data();
  const std::size_t planes = windows.size == 0 ? 0 : x.size() / windows.size;
  for_planes(planes, windows.cells * windows.results, [&](std::size_t plane) {
    detail::kernels<T>().weigh_cells(x.data() + plane * windows.size, windows.offsets.data(), windows.weights.data(),
                                     windows.cells, windows.results, y + plane * windows.results);
  });
  return record<T>(
      name, shape, std::move(value), kSaveNothing,
      [windows](Node<T>& n, const Tensor<T>& g) { n.give(0, spread(g, windows, n.input_shape(0))); }, x);
}

/// The transposed map: each result's gradient goes to the cells that it was made of.
template <class T> Tensor<T> spread(const Tensor<T>& g, const PlaneWindows<T>& windows, const Shape& shape) {
  Storage<T> value(shape.size(), T{0});
  T* dx = value.data();
  const std::size_t planes = windows.results == 0 ? 0 : g.size() / windows.results;
  for_planes(planes, windows.cells * windows.results, [&](std::size_t plane) {
    detail::kernels<T>().spread_cells(g.data() + plane * windows.results, windows.offsets.data(),
                                      windows.weights.data(), windows.cells, windows.results,
                                      dx + plane * windows.size);
  });
  return record<T>(
      "spread_windows", shape, std::move(value), kSaveNothing,
      [windows](Node<T>& n, const Tensor<T>& h) { n.give(0, weigh("weigh_windows", h, windows, n.input_shape(0))); },
      g);
}

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
  for_planes(planes, size, [&](std::size_t plane) {
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
  for_planes(planes, windows.cells * windows.results, [&](std::size_t plane) {
    detail::kernels<T>().largest_cells(x.data() + plane * windows.size, windows.offsets.data(), windows.cells,
                                       windows.results, y + plane * windows.results, where + plane * windows.results);
  });
  const auto vjp = [places, size = windows.size](Node<T>& n, const Tensor<T>& g) {
    n.give(0, put_at(g, places, size, n.input_shape(0)));
  };
  return {record<T>(name, shape, std::move(value), kSaveNothing, vjp, x), places};
}

/// x's plane and the shape of what its windows make of it.
template <class T> struct Planes {
  std::array<std::size_t, 2> size{1, 1};
  Shape shape;
  std::size_t axes;

  Planes(const char* name, const Tensor<T>& x, std::size_t axes_) : shape(x.shape()), axes(axes_) {
    detail::check_image(name, "x", x.shape(), axes);
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const std::int64_t length = shape[shape.rank() - axes + axis];
      XGRAD_CHECK(length > 0, name, ": x has shape ", shape, "; expected spatial axes that are not empty");
      size[2 - axes + axis] = static_cast<std::size_t>(length);
    }
    XGRAD_CHECK(size[0] * size[1] <= 0x7fffffff, name, ": x has shape ", shape, "; expected planes of less than 2^31");
  }
  /// The windows along both axes by make(place of the axis among the settings, its size); sets the result's shape.
  template <class Make> PlaneWindows<T> windows(Make make, double scale = 1) {
    const auto along = [&](std::size_t axis) {
      if (axis + axes >= 2) return make(axis + axes - 2, size[axis]);
      AxisWindows<T> single(1, 1, 1);
      single.set(0, 0, 0, 1);
      return single;
    };
    const AxisWindows<T> rows = along(0), cols = along(1);
    if (axes == 2) shape[shape.rank() - 2] = static_cast<std::int64_t>(rows.results);
    shape[shape.rank() - 1] = static_cast<std::int64_t>(cols.results);
    return {rows, cols, scale};
  }
};

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
  return weigh(name, x, windows, planes.shape);
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
  return weigh(name, x, windows, planes.shape);
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

std::size_t spatial_axes(const char* name, const Shape& x) {
  XGRAD_CHECK(x.rank() == 3 || x.rank() == 4, name, ": x has shape ", x, "; expected (N, C, L) or (N, C, H, W)");
  return x.rank() - 2;
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

template <class T> Tensor<T> upsample_nearest(const Tensor<T>& x, const PerAxis& size) {
  Planes<T> planes("upsample_nearest", x, spatial_axes("upsample_nearest", x.shape()));
  const auto sizes = detail::numbers_for("upsample_nearest", "size", size, planes.axes, 1);
  const PlaneWindows<T> windows = planes.windows([&](std::size_t axis, std::size_t length) {
    AxisWindows<T> single(length, sizes[axis], 1);
    for (std::size_t i = 0; i < sizes[axis]; ++i) single.set(0, i, i * length / sizes[axis], 1);
    return single;
  });
  return weigh("upsample_nearest", x, windows, planes.shape);
}

template <class T> Tensor<T> upsample_bilinear(const Tensor<T>& x, const PerAxis& size, bool align_corners) {
  Planes<T> planes("upsample_bilinear", x, spatial_axes("upsample_bilinear", x.shape()));
  const auto sizes = detail::numbers_for("upsample_bilinear", "size", size, planes.axes, 1);
  const PlaneWindows<T> windows = planes.windows([&](std::size_t axis, std::size_t length) {
    AxisWindows<T> pair(length, sizes[axis], 2);
    const auto from = static_cast<double>(length), to = static_cast<double>(sizes[axis]);
    const double step = align_corners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
    for (std::size_t i = 0; i < sizes[axis]; ++i) {
      const auto at = static_cast<double>(i);
      const double place = align_corners ? at * step : std::max((at + 0.5) * step - 0.5, 0.0);
      const std::size_t first = std::min(static_cast<std::size_t>(place), length - 1);
      const double share = first + 1 < length ? place - static_cast<double>(first) : 0;
      pair.set(0, i, first, 1 - share);
      pair.set(1, i, first + (share > 0 ? 1 : 0), share);
    }
    pair.repeat_first();
    return pair;
  });
  return weigh("upsample_bilinear", x, windows, planes.shape);
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
  template Tensor<T> global_avg_pool(const Tensor<T>&);                                                          \
  template Tensor<T> upsample_nearest(const Tensor<T>&, const PerAxis&);                                         \
  template Tensor<T> upsample_bilinear(const Tensor<T>&, const PerAxis&, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
