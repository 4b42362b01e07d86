// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <array>
#include <compare>
#include <cstddef>

namespace xgrad::detail {

/// The sizes of a cross-correlation over depth, height and width; an axis that is not there has size 1 everywhere.
/// x is (samples, in, size), weight (out, in / groups, kernel), y (samples, out, result), all row-major.
struct ConvGeometry {
  std::size_t samples = 0, groups = 1, in = 0, out = 0;
  std::array<std::size_t, 3> size{1, 1, 1}, kernel{1, 1, 1}, result{1, 1, 1};
  std::array<std::size_t, 3> stride{1, 1, 1}, dilation{1, 1, 1}, before{};  // before: zeros in front of each axis

  std::size_t input_positions() const { return size[0] * size[1] * size[2]; }
  std::size_t positions() const { return result[0] * result[1] * result[2]; }
  std::size_t kernel_positions() const { return kernel[0] * kernel[1] * kernel[2]; }
  auto operator<=>(const ConvGeometry&) const = default;
};

/// y[n, o, i] = bias[o] + sum over c, u of x[n, c, i stride + u dilation - before] weight[o, c, u], zero outside of x;
/// then max(y, 0) if `relu`. bias may be null.
template <class T>
void convolution(const ConvGeometry& geometry, const T* x, const T* weight, const T* bias, bool relu, T* y);
/// dx = what g, a gradient of y, gives back to x.
template <class T> void convolution_input_gradient(const ConvGeometry& geometry, const T* g, const T* weight, T* dx);
/// dweight = what g gives back to weight.
template <class T> void convolution_weight_gradient(const ConvGeometry& geometry, const T* x, const T* g, T* dweight);

/// The windows of `channels` channels of one sample as columns: (channels kernel) x positions; zero outside of x.
template <class T> void im2col(const ConvGeometry& geometry, std::size_t channels, const T* x, T* columns);
/// The reverse: adds each column's elements to where they came from.
template <class T> void col2im(const ConvGeometry& geometry, std::size_t channels, const T* columns, T* x);

enum class Pass { forward, input_gradient, weight_gradient };

/// Whether the next three are for this geometry and pass: one group, stride 1, not more zeros in front than a window
/// covers, and sizes that suit them.
bool is_direct(const ConvGeometry& geometry, Pass pass);
template <class T>
void direct_convolution(const ConvGeometry& geometry, const T* x, const T* weight, const T* bias, bool relu, T* y);
// Zeros stand for g where no window is: false if one may have met a number that is not finite, which a window would
// not have read. The gradient is left to the other ways then.
template <class T> bool direct_input_gradient(const ConvGeometry& geometry, const T* g, const T* weight, T* dx);
template <class T> bool direct_weight_gradient(const ConvGeometry& geometry, const T* x, const T* g, T* dweight);

// The same three in oneDNN, without bias and relu; false if it has no implementation for the geometry.
bool onednn_convolution(const ConvGeometry& geometry, const float* x, const float* weight, float* y);
bool onednn_input_gradient(const ConvGeometry& geometry, const float* g, const float* weight, float* dx);
bool onednn_weight_gradient(const ConvGeometry& geometry, const float* x, const float* g, float* dweight);

}  // namespace xgrad::detail
