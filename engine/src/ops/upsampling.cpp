// SPDX-License-Identifier: BSD-3-Clause
// Planes of another size, whose elements are copies or weighted sums of neighbours.
#include <algorithm>

#include "ops/plane_windows.hpp"
#include "xgrad/ops/pooling.hpp"

namespace xgrad {
namespace {

using detail::AxisWindows;
using detail::Planes;
using detail::PlaneWindows;

std::size_t spatial_axes(const char* name, const Shape& x) {
  XGRAD_CHECK(x.rank() == 3 || x.rank() == 4, name, ": x has shape ", x, "; expected (N, C, L) or (N, C, H, W)");
  return x.rank() - 2;
}

}  // namespace

template <class T> Tensor<T> upsample_nearest(const Tensor<T>& x, const PerAxis& size) {
  Planes<T> planes("upsample_nearest", x, spatial_axes("upsample_nearest", x.shape()));
  const auto sizes = detail::numbers_for("upsample_nearest", "size", size, planes.axes, 1);
  const PlaneWindows<T> windows = planes.windows([&](std::size_t axis, std::size_t length) {
    AxisWindows<T> single(length, sizes[axis], 1);
    for (std::size_t i = 0; i < sizes[axis]; ++i) single.set(0, i, i * length / sizes[axis], 1);
    return single;
  });
  return detail::weigh("upsample_nearest", x, windows, planes.shape);
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
  return detail::weigh("upsample_bilinear", x, windows, planes.shape);
}

#define XGRAD_INSTANTIATE(T)                                             \
  template Tensor<T> upsample_nearest(const Tensor<T>&, const PerAxis&); \
  template Tensor<T> upsample_bilinear(const Tensor<T>&, const PerAxis&, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
