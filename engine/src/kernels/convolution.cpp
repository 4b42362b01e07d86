// SPDX-License-Identifier: BSD-3-Clause
// Which way a convolution goes: straight from the images where that is fastest, else, in single precision, to oneDNN;
// what is left is products over im2col columns, one for each sample and group.
#include "kernels/convolution.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/gemm.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

/// Calls run(column, x, count, step): `count` neighbours from `column` on belong to every step-th element from x on.
template <class Run> void for_runs(const ConvGeometry& s, std::size_t channels, Run run) {
  const auto signed_of = [](std::size_t v) { return static_cast<std::ptrdiff_t>(v); };
  // Results [first, last) of an axis whose window's cell u lies inside x; the first one's place in x.
  struct Span {
    std::size_t first, last;
    std::ptrdiff_t start;
  };
  const auto inside = [&](std::size_t axis, std::size_t u) {
    const std::ptrdiff_t shift = signed_of(u * s.dilation[axis]) - signed_of(s.before[axis]);
    const std::ptrdiff_t step = signed_of(s.stride[axis]), end = signed_of(s.size[axis]) - shift;
    const std::ptrdiff_t first = shift < 0 ? (-shift + step - 1) / step : 0;
    const std::ptrdiff_t last = std::min(signed_of(s.result[axis]), end > 0 ? (end + step - 1) / step : 0);
    return Span{static_cast<std::size_t>(first), static_cast<std::size_t>(std::max(first, last)), first * step + shift};
  };
  std::size_t row = 0;
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t u = 0; u < s.kernel[0]; ++u)
      for (std::size_t v = 0; v < s.kernel[1]; ++v)
        for (std::size_t w = 0; w < s.kernel[2]; ++w, ++row) {
          const Span depth = inside(0, u), height = inside(1, v), width = inside(2, w);
          if (width.first == width.last) continue;
          for (std::size_t i = depth.first; i < depth.last; ++i)
            for (std::size_t j = height.first; j < height.last; ++j) {
              const std::size_t z = static_cast<std::size_t>(depth.start) + (i - depth.first) * s.stride[0];
              const std::size_t y = static_cast<std::size_t>(height.start) + (j - height.first) * s.stride[1];
              run(((row * s.result[0] + i) * s.result[1] + j) * s.result[2] + width.first,
                  ((c * s.size[0] + z) * s.size[1] + y) * s.size[2] + static_cast<std::size_t>(width.start),
                  width.last - width.first, s.stride[2]);
            }
        }
}

/// A product over the columns needs none when each window is one element.
bool columns_are_input(const ConvGeometry& s) {
  return s.kernel_positions() == 1 && s.size == s.result && s.stride == std::array<std::size_t, 3>{1, 1, 1};
}

/// Places of one sample and group in x, weight and y; sizes of its products.
struct Part {
  std::size_t in, out, x_size, y_size, depth, positions;
  explicit Part(const ConvGeometry& s)
      : in(s.in / s.groups), out(s.out / s.groups), x_size(in * s.input_positions()), y_size(out * s.positions()),
        depth(in * s.kernel_positions()), positions(s.positions()) {}
};

/// y = weight columns(x) for one sample and group.
template <class T> void multiply(const ConvGeometry& s, const Part& part, const T* x, const T* weight, T* y) {
  Storage<T> columns;
  if (!columns_are_input(s)) {
    columns = Storage<T>(part.depth * part.positions);
    im2col(s, part.in, x, columns.data());
    x = columns.data();
  }
  gemm(false, false, part.out, part.positions, part.depth, weight, x, y, false);
}

}  // namespace

template <class T> void im2col(const ConvGeometry& geometry, std::size_t channels, const T* x, T* columns) {
  std::fill_n(columns, channels * geometry.kernel_positions() * geometry.positions(), T{0});
  for_runs(geometry, channels, [&](std::size_t to, std::size_t from, std::size_t count, std::size_t step) {
    if (step == 1)
      std::memcpy(columns + to, x + from, count * sizeof(T));
    else
      for (std::size_t i = 0; i < count; ++i) columns[to + i] = x[from + i * step];
  });
}

template <class T> void col2im(const ConvGeometry& geometry, std::size_t channels, const T* columns, T* x) {
  for_runs(geometry, channels, [&](std::size_t from, std::size_t to, std::size_t count, std::size_t step) {
    if (step == 1)
      kernels<T>().add_in_place(x + to, columns + from, count);
    else
      for (std::size_t i = 0; i < count; ++i) x[to + i * step] += columns[from + i];
  });
}

template <class T>
void convolution(const ConvGeometry& s, const T* x, const T* weight, const T* bias, bool relu, T* y) {
  if (is_direct(s, Pass::forward)) return direct_convolution(s, x, weight, bias, relu, y);
  const Part part(s);
  bool done = false;
  if constexpr (std::is_same_v<T, float>) done = onednn_convolution(s, x, weight, y);
  if (done && !bias && !relu) return;
  parallel_for(s.samples * s.groups, [&](std::size_t task) {
    const std::size_t group = task % s.groups;
    T* result = y + task * part.y_size;
    if (!done) multiply(s, part, x + task * part.x_size, weight + group * part.out * part.depth, result);
    if (bias || relu)
      kernels<T>().bias_rows(result, bias ? bias + group * part.out : nullptr, part.out, part.positions, relu);
  });
}

template <class T> void convolution_input_gradient(const ConvGeometry& s, const T* g, const T* weight, T* dx) {
  if (is_direct(s, Pass::input_gradient) && direct_input_gradient(s, g, weight, dx)) return;
  if constexpr (std::is_same_v<T, float>)
    if (onednn_input_gradient(s, g, weight, dx)) return;
  const Part part(s);
  parallel_for(s.samples * s.groups, [&](std::size_t task) {
    const T* w = weight + task % s.groups * part.out * part.depth;
    const T* gradient = g + task * part.y_size;
    T* result = dx + task * part.x_size;
    if (columns_are_input(s))
      return gemm(true, false, part.depth, part.positions, part.out, w, gradient, result, false);
    Storage<T> columns(part.depth * part.positions);
    gemm(true, false, part.depth, part.positions, part.out, w, gradient, columns.data(), false);
    std::fill_n(result, part.x_size, T{0});
    col2im(s, part.in, columns.data(), result);
  });
}

template <class T> void convolution_weight_gradient(const ConvGeometry& s, const T* x, const T* g, T* dweight) {
  if (is_direct(s, Pass::weight_gradient) && direct_weight_gradient(s, x, g, dweight)) return;
  if constexpr (std::is_same_v<T, float>)
    if (onednn_weight_gradient(s, x, g, dweight)) return;
  const Part part(s);
  const std::size_t size = s.out * part.depth;
  // Samples in a fixed number of shares, whose sums are added in order.
  constexpr std::size_t kShares = 8;
  const std::size_t shares = std::min(s.samples, kShares);
  std::fill_n(dweight, size, T{0});
  if (shares == 0 || size == 0) return;
  Storage<T> partial((shares - 1) * size, T{0});
  parallel_for(shares, [&](std::size_t share) {
    T* sums = share == 0 ? dweight : partial.data() + (share - 1) * size;
    Storage<T> columns(columns_are_input(s) ? 0 : part.depth * part.positions);
    for (std::size_t n = share * s.samples / shares; n < (share + 1) * s.samples / shares; ++n)
      for (std::size_t group = 0; group < s.groups; ++group) {
        const T* input = x + (n * s.groups + group) * part.x_size;
        if (!columns_are_input(s)) {
          im2col(s, part.in, input, columns.data());
          input = columns.data();
        }
        gemm(false, true, part.out, part.depth, part.positions, g + (n * s.groups + group) * part.y_size, input,
             sums + group * part.out * part.depth, true);
      }
  });
  for (std::size_t share = 1; share < shares; ++share)
    kernels<T>().add_in_place(dweight, partial.data() + (share - 1) * size, size);
}

#define XGRAD_INSTANTIATE(T)                                                              \
  template void im2col(const ConvGeometry&, std::size_t, const T*, T*);                   \
  template void col2im(const ConvGeometry&, std::size_t, const T*, T*);                   \
  template void convolution(const ConvGeometry&, const T*, const T*, const T*, bool, T*); \
  template void convolution_input_gradient(const ConvGeometry&, const T*, const T*, T*);  \
  template void convolution_weight_gradient(const ConvGeometry&, const T*, const T*, T*);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
