// SPDX-License-Identifier: BSD-3-Clause
#include "ops/plane_windows.hpp"

#include "kernels/kernels.hpp"

namespace xgrad::detail {
namespace {

/// The transposed map: each result's gradient goes to the cells that it was made of.
template <class T> Tensor<T> spread(const Tensor<T>& g, const PlaneWindows<T>& windows, const Shape& shape) {
  Storage<T> value(shape.size(), T{0});
  T* dx = value.data();
  const std::size_t planes = windows.results == 0 ? 0 : g.size() / windows.results;
  for_planes(planes, windows.cells * windows.results, [&](std::size_t plane) {
    kernels<T>().spread_cells(g.data() + plane * windows.results, windows.offsets.data(), windows.weights.data(),
                              windows.cells, windows.results, dx + plane * windows.size);
  });
  return record<T>(
      "spread_windows", shape, std::move(value), kSaveNothing,
      [windows](Node<T>& n, const Tensor<T>& h) { n.give(0, weigh("weigh_windows", h, windows, n.input_shape(0))); },
      g);
}

}  // namespace

template <class T>
Tensor<T> weigh(const char* name, const Tensor<T>& x, const PlaneWindows<T>& windows, const Shape& shape) {
  Storage<T> value(shape.size());
  T* y = value.data();
  const std::size_t planes = windows.size == 0 ? 0 : x.size() / windows.size;
  for_planes(planes, windows.cells * windows.results, [&](std::size_t plane) {
    kernels<T>().weigh_cells(x.data() + plane * windows.size, windows.offsets.data(), windows.weights.data(),
                             windows.cells, windows.results, y + plane * windows.results);
  });
  return record<T>(
      name, shape, std::move(value), kSaveNothing,
      [windows](Node<T>& n, const Tensor<T>& g) { n.give(0, spread(g, windows, n.input_shape(0))); }, x);
}

#define XGRAD_INSTANTIATE(T) \
  template Tensor<T> weigh(const char*, const Tensor<T>&, const PlaneWindows<T>&, const Shape&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
