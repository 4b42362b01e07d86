// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Operations that read, for each result, the cells of one window of a plane. The windows are a product of what happens
// along each axis, so they are written down once for all planes, and one kernel serves all settings.
#include <array>

#include "ops/rows.hpp"
#include "ops/windows.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::detail {

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

/// x's plane and the shape of what its windows make of it.
template <class T> struct Planes {
  std::array<std::size_t, 2> size{1, 1};
  Shape shape;
  std::size_t axes;

  Planes(const char* name, const Tensor<T>& x, std::size_t axes_) : shape(x.shape()), axes(axes_) {
    check_image(name, "x", x.shape(), axes);
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

/// Runs body(plane) for all planes of an array, several at once where it pays.
template <class Body> void for_planes(std::size_t planes, std::size_t work, const Body& body) {
  for_rows(planes, work, [&](std::size_t first, std::size_t count) {
    for (std::size_t plane = first; plane < first + count; ++plane) body(plane);
  });
}

/// The weighted sums of the windows of each plane; `shape` is the result's.
template <class T>
Tensor<T> weigh(const char* name, const Tensor<T>& x, const PlaneWindows<T>& windows, const Shape& shape);

}  // namespace xgrad::detail
