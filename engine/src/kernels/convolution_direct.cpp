// SPDX-License-Identifier: BSD-3-Clause
// Convolution of stride 1 straight from the images. Laid out with equal distances between the rows of a plane, the
// elements that one cell of the windows reads are one run of x: the plane shifted. So every pass is a product with
// shifted planes, without columns and without a change of layout. Between the rows of results lie a few places that
// belong to no window: they are computed and dropped.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "kernels/convolution.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

constexpr std::size_t kRows = kShiftedRows;

/// Where the planes of x lie, with the zeros around them, and the run of results in their distances.
struct Layout {
  std::array<std::size_t, 3> size;  // of a plane
  bool copies;                      // false: x as it is
  std::size_t run;                  // results, those of no window included
  std::size_t span;                 // the same, but at least what the kernels take

  Layout(const ConvGeometry& s, std::size_t least) : size(s.size), copies(false) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::size_t needed = s.result[axis] + s.dilation[axis] * (s.kernel[axis] - 1);
      copies |= s.before[axis] > 0 || s.size[axis] < needed;
    }
    if (copies)
      for (std::size_t axis = 0; axis < 3; ++axis)
        size[axis] = s.result[axis] + s.dilation[axis] * (s.kernel[axis] - 1);
    run = start_of_row(s.result[0] - 1, s.result[1] - 1) + s.result[2];
    span = std::max(run, least);
    copies |= span > run;  // what is read behind the planes must be there
  }
  std::size_t plane() const { return size[0] * size[1] * size[2]; }
  std::size_t start_of_row(std::size_t depth, std::size_t height) const { return (depth * size[1] + height) * size[2]; }
  /// Elements of `channels` planes and what is read behind them.
  std::size_t room(std::size_t channels) const { return channels * plane() + (span - run); }

  /// Copies x with its zeros.
  template <class T> void fill(const ConvGeometry& s, std::size_t channels, const T* x, T* planes) const {
    std::fill_n(planes, room(channels), T{0});
    std::array<std::size_t, 3> extent;
    for (std::size_t axis = 0; axis < 3; ++axis) extent[axis] = std::min(s.size[axis], size[axis] - s.before[axis]);
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t i = 0; i < extent[0]; ++i)
        for (std::size_t j = 0; j < extent[1]; ++j)
          std::memcpy(planes + c * plane() + start_of_row(i + s.before[0], j + s.before[1]) + s.before[2],
                      x + ((c * s.size[0] + i) * s.size[1] + j) * s.size[2], extent[2] * sizeof(T));
  }
  /// Calls row(place among the results, place in the run) for each row of results of one channel.
  template <class Row> void for_result_rows(const ConvGeometry& s, Row row) const {
    for (std::size_t i = 0; i < s.result[0]; ++i)
      for (std::size_t j = 0; j < s.result[1]; ++j) row((i * s.result[1] + j) * s.result[2], start_of_row(i, j));
  }
  /// The shift of each cell of the windows of `channels` planes, channels outermost.
  Storage<std::ptrdiff_t> offsets(const ConvGeometry& s, std::size_t channels) const {
    Storage<std::ptrdiff_t> result(channels * s.kernel_positions());
    std::ptrdiff_t* place = result.data();
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t u = 0; u < s.kernel[0]; ++u)
        for (std::size_t v = 0; v < s.kernel[1]; ++v)
          for (std::size_t w = 0; w < s.kernel[2]; ++w)
            *place++ = static_cast<std::ptrdiff_t>(c * plane() + start_of_row(u * s.dilation[0], v * s.dilation[1]) +
                                                   w * s.dilation[2]);
    return result;
  }
};

/// The weights of kRows results at a time, one for each cell; 0 for results that are not there. weight(result, channel,
/// cell) is one of a group.
template <class T, class Weight>
void pack_weights(std::size_t results, std::size_t channels, std::size_t cells, T* packed, Weight weight) {
  for (std::size_t first = 0; first < results; first += kRows)
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t cell = 0; cell < cells; ++cell)
        for (std::size_t r = first; r < first + kRows; ++r) *packed++ = r < results ? weight(r, c, cell) : T{0};
}

template <class T> bool all_finite(const T* values, std::size_t count) {
  return std::all_of(values, values + count, [](T value) { return std::isfinite(value); });
}

std::size_t blocks_of(std::size_t results) { return (results + kRows - 1) / kRows; }

/// All results from packed weights.
template <class T>
void run_products(const ConvGeometry& s, const T* x, const T* packed, const T* bias, bool relu, T* y) {
  const std::size_t cells = s.in * s.kernel_positions(), blocks = blocks_of(s.out), positions = s.positions();
  const Layout layout(s, kernels<T>().shifted_span);
  const Storage<std::ptrdiff_t> offsets = layout.offsets(s, s.in);
  // Few images are shared by their channels too. The cut does not show in the result.
  constexpr std::size_t kEnough = 16, kShare = 4;
  const std::size_t share = s.samples >= kEnough ? blocks : kShare, shares = (blocks + share - 1) / share;
  parallel_for(s.samples * shares, [&](std::size_t task) {
    const std::size_t image = task / shares, first = task % shares * share;
    const T* planes = x + image * s.in * s.input_positions();
    Storage<T> copy(layout.copies ? layout.room(s.in) : 0), run(kRows * layout.span);
    if (layout.copies) {
      layout.fill(s, s.in, planes, copy.data());
      planes = copy.data();
    }
    for (std::size_t block = first; block < std::min(blocks, first + share); ++block) {
      const std::size_t channel = block * kRows, rows = std::min(kRows, s.out - channel);
      kernels<T>().shifted_product(planes, offsets.data(), cells, packed + block * cells * kRows, run.data(),
                                   layout.span, layout.span);
      T* target = y + (image * s.out + channel) * positions;
      for (std::size_t r = 0; r < rows; ++r)
        layout.for_result_rows(s, [&](std::size_t result, std::size_t place) {
          std::memcpy(target + r * positions + result, run.data() + r * layout.span + place, s.result[2] * sizeof(T));
        });
      if (bias || relu) kernels<T>().bias_rows(target, bias ? bias + channel : nullptr, rows, positions, relu);
    }
  });
}

}  // namespace

bool is_direct(const ConvGeometry& s, Pass pass) {
  if (s.groups > 1 || s.stride != std::array<std::size_t, 3>{1, 1, 1}) return false;
  for (std::size_t axis = 0; axis < 3; ++axis)
    if (s.before[axis] > s.dilation[axis] * (s.kernel[axis] - 1)) return false;
  // Where it was measured to be faster than oneDNN and the changes of layout that oneDNN needs: there a few channels
  // are as dear as a whole vector of them, and here short planes and single cells are.
  constexpr std::size_t kFewChannels = 8, kFewResults = 4, kLongPlane = 512;
  switch (pass) {
    case Pass::forward: return s.in <= kFewChannels;
    case Pass::input_gradient: return s.in <= kFewResults;
    case Pass::weight_gradient: return s.kernel_positions() > 1 && s.positions() >= kLongPlane;
  }
  return false;
}

template <class T>
void direct_convolution(const ConvGeometry& s, const T* x, const T* weight, const T* bias, bool relu, T* y) {
  const std::size_t cells = s.kernel_positions();
  Storage<T> packed(blocks_of(s.out) * kRows * s.in * cells);
  pack_weights(s.out, s.in, cells, packed.data(), [&](std::size_t result, std::size_t channel, std::size_t cell) {
    return weight[(result * s.in + channel) * cells + cell];
  });
  run_products(s, x, packed.data(), bias, relu, y);
}

template <class T> bool direct_input_gradient(const ConvGeometry& s, const T* g, const T* weight, T* dx) {
  if (!all_finite(weight, s.out * s.in * s.kernel_positions())) return false;  // each meets the zeros around g
  // Each element of x is the result of a window over g, whose weights stand in reverse.
  ConvGeometry mirrored = s;
  std::swap(mirrored.in, mirrored.out);
  std::swap(mirrored.size, mirrored.result);
  for (std::size_t axis = 0; axis < 3; ++axis)
    mirrored.before[axis] = s.dilation[axis] * (s.kernel[axis] - 1) - s.before[axis];
  const std::size_t cells = s.kernel_positions();
  Storage<T> packed(blocks_of(s.in) * kRows * s.out * cells);
  pack_weights(s.in, s.out, cells, packed.data(), [&](std::size_t result, std::size_t channel, std::size_t cell) {
    return weight[(channel * s.in + result) * cells + cells - 1 - cell];
  });
  run_products<T>(mirrored, g, packed.data(), nullptr, false, dx);
  return true;
}

template <class T> bool direct_weight_gradient(const ConvGeometry& s, const T* x, const T* g, T* dweight) {
  const std::size_t cells = s.kernel_positions(), blocks = blocks_of(s.out), positions = s.positions();
  const Layout layout(s, kernels<T>().shifted_span);
  Storage<T> copy(layout.copies ? s.samples * layout.room(s.in) : 0);
  if (layout.copies)
    parallel_for(s.samples, [&](std::size_t n) {
      layout.fill(s, s.in, x + n * s.in * s.input_positions(), copy.data() + n * layout.room(s.in));
    });
  const T* planes = layout.copies ? copy.data() : x;
  const std::size_t distance = layout.copies ? layout.room(s.in) : s.in * s.input_positions();
  // A task has some of the weights to itself and sees all samples in order.
  constexpr std::size_t kChannels = 32;
  const std::size_t shares = (s.in + kChannels - 1) / kChannels;
  const Storage<std::ptrdiff_t> offsets = layout.offsets(s, std::min(s.in, kChannels));
  // What is not finite never becomes so again: then the caller computes it another way, and the rest is not needed.
  constexpr std::size_t kLook = 8;  // samples between two looks at the sums
  std::atomic<bool> finite = true;
  parallel_for(blocks * shares, [&](std::size_t task) {
    const std::size_t result = task / shares * kRows, first = task % shares * kChannels;
    const std::size_t rows = std::min(kRows, s.out - result), count = std::min(kChannels, s.in - first) * cells;
    Storage<double> sums(count * kRows, 0.0);
    Storage<T> run(kRows * layout.span, T{0});  // 0 in rows that are not there and in places of no window
    for (std::size_t n = 0; n < s.samples; ++n) {
      for (std::size_t r = 0; r < rows; ++r)
        layout.for_result_rows(s, [&](std::size_t position, std::size_t place) {
          std::memcpy(run.data() + r * layout.span + place, g + (n * s.out + result + r) * positions + position,
                      s.result[2] * sizeof(T));
        });
      kernels<T>().shifted_dot_products(run.data(), layout.span, planes + n * distance + first * layout.plane(),
                                        offsets.data(), count, layout.span, sums.data());
      if (n % kLook == kLook - 1 && !all_finite(sums.data(), sums.size()))
        finite.store(false, std::memory_order_relaxed);
      if (!finite.load(std::memory_order_relaxed)) return;
    }
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t k = 0; k < count; ++k)
        dweight[((result + r) * s.in + first) * cells + k] = static_cast<T>(sums[k * kRows + r]);
  });
  return finite.load(std::memory_order_relaxed) && all_finite(dweight, s.out * s.in * cells);
}

#define XGRAD_INSTANTIATE(T)                                                                     \
  template void direct_convolution(const ConvGeometry&, const T*, const T*, const T*, bool, T*); \
  template bool direct_input_gradient(const ConvGeometry&, const T*, const T*, T*);              \
  template bool direct_weight_gradient(const ConvGeometry&, const T*, const T*, T*);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
